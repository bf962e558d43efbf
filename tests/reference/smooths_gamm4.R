# Log likelihoods of penalised smooths of counts and choices by gamm4 (glmer: Laplace's approximation), with the data of
# smooths.R: counts are floor(|y|), yes is y above 3. Run in this folder: Rscript smooths_gamm4.R
suppressMessages({library(gamm4); library(jsonlite)})
table <- read.csv("smooths.csv", stringsAsFactors = TRUE)
table$count <- floor(abs(table$y))
table$yes <- as.numeric(table$y > 3)
ctrl <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
of <- function(formula, family, random = NULL) {
  mer <- gamm4(formula, random = random, family = family, data = table, control = ctrl)$mer
  list(log_likelihood = as.numeric(logLik(mer)), sds = unname(sapply(VarCorr(mer), function(v) sqrt(v[1]))))
}
answers <- list(
  poisson = of(count ~ s(x, bs = "cr", k = 10), poisson),
  poisson_groups = of(count ~ s(x, bs = "cr", k = 10), poisson, ~ (1 | f)),
  poisson_by = of(count ~ f + s(x, by = f, bs = "cr", k = 6), poisson),
  poisson_few_knots = of(count ~ s(x, bs = "cr", k = 5), poisson),
  bernoulli = of(yes ~ s(x, bs = "cr", k = 10), binomial),
  versions = list(gamm4 = as.character(packageVersion("gamm4")), lme4 = as.character(packageVersion("lme4")))
)
write_json(answers, "smooths_gamm4.json", digits = 12, auto_unbox = TRUE, pretty = TRUE)

# Truncated and censored responses by brms: writes the summaries that tests/sampling/test_truncated_references.py reads.
# Run in this folder: Rscript truncated_brms.R (R 4.2, brms 2.18, rstan 2.21; minutes, needs a C++ compiler).
# The priors are those that the test states.
suppressMessages({library(brms); library(posterior); library(jsonlite)})
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")  # Debian's BH package contains no headers
}
data(sleepstudy, package = "lme4")
sleepstudy$day <- sleepstudy$Days - 4.5
within <- subset(sleepstudy, Reaction >= 220 & Reaction <= 380)
stopped <- transform(sleepstudy, late = as.integer(Reaction > 350), Reaction = pmin(Reaction, 350))
kidney <- read.csv("kidney.csv")
kidney$female <- as.integer(kidney$sex == 2)
entered <- subset(kidney, time > 10)
articles <- subset(read.csv("parameters_articles.csv"), art >= 1)
articles$ment10 <- articles$ment / 10
reaction <- set_prior("normal(300, 100)", class = "b", coef = "Intercept") + set_prior("normal(0, 40)", class = "b", coef = "day") +
  set_prior("student_t(3, 0, 50)", class = "sd", group = "Subject") + set_prior("student_t(3, 0, 50)", class = "sigma")
times <- set_prior("normal(4, 2)", class = "b", coef = "Intercept") + set_prior("normal(0, 2)", class = "b", coef = "female") +
  set_prior("student_t(3, 0, 1)", class = "sd", group = "id") + set_prior("gamma(2, 1)", class = "shape")
counts <- set_prior("normal(0, 2)", class = "b", coef = "Intercept") + set_prior("normal(0, 1)", class = "b", coef = "ment10") +
  set_prior("gamma(2, 1)", class = "shape")
models <- list(
  gaussian_trunc = list(Reaction | trunc(lb = 220, ub = 380) ~ 0 + Intercept + day + (1 | Subject), within, gaussian(), reaction),
  weibull_entry = list(time | cens(censored) + trunc(lb = 10) ~ 0 + Intercept + female + (1 | id), entered, weibull(), times),
  negative_binomial_trunc = list(art | trunc(lb = 1) ~ 0 + Intercept + ment10, articles, negbinomial(), counts),
  gamma_cens = list(time | cens(censored) ~ 0 + Intercept + female + (1 | id), kidney, Gamma("log"), times),
  student_t_cens = list(Reaction | cens(late) ~ 0 + Intercept + day + (1 | Subject), stopped, student(),
    reaction + set_prior("gamma(2, 0.1)", class = "nu"))
)
# Near the data: far from them, brms's truncated densities underflow.
starts <- function() list(b = array(c(300 + rnorm(1), rnorm(1))), sigma = 40, sd_1 = array(20))
out <- list()
for (name in names(models)) {
  model <- models[[name]]
  fit <- brm(bf(model[[1]]), model[[2]], family = model[[3]], prior = model[[4]], chains = 4, iter = 3000, warmup = 1000,
    init = if ("Reaction" %in% all.vars(model[[1]])) starts else "random", cores = 1, seed = 1, refresh = 0, silent = 2, control = list(adapt_delta = 0.95))
  stopifnot(sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
  kept <- grep("^(b|sd)_|^(sigma|shape|nu)$", variables(fit), value = TRUE)
  table <- as.data.frame(summarise_draws(subset_draws(as_draws_array(fit), variable = kept), "mean", "sd", "mcse_mean", "ess_bulk", "rhat"))
  stopifnot(all(table$rhat < 1.01))
  out[[name]] <- setNames(lapply(seq_len(nrow(table)), function(i) as.list(table[i, -1])), table$variable)
}
out$versions <- list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan")))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "truncated_brms.json")

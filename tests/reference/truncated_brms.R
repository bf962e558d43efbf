# Truncated responses with group effects by brms: reaction times above 230 ms of sleepstudy, and counts of seizures above
# 0 of epil (parameters_epil.csv): writes the summaries that tests/test_truncated_brms.py reads. Run in this folder:
# Rscript truncated_brms.R (R 4.2, brms 2.18, rstan 2.21; minutes, needs a C++ compiler). Priors are those of the test.
suppressMessages({library(brms); library(posterior); library(jsonlite)})
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")  # Debian's BH package contains no headers
}
data(sleepstudy, package = "lme4")
sleepstudy$day <- sleepstudy$Days - 4.5
slow <- transform(subset(sleepstudy, Reaction >= 230), over = (Reaction - 230) / 50)  # initial values are near 0
epil <- read.csv("parameters_epil.csv")
some <- transform(subset(epil, y >= 1), base = lbase - mean(epil$lbase))
sampled <- function(...) {
  fit <- brm(..., chains = 4, iter = 3000, warmup = 1000, cores = 1, seed = 1, refresh = 0, silent = 2,
    control = list(adapt_delta = 0.95))
  stopifnot(sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
  names <- grep("^(b|sd)_|^sigma$", variables(fit), value = TRUE)
  table <- as.data.frame(summarise_draws(subset_draws(as_draws_array(fit), variable = names), "mean", "sd", "mcse_mean", "ess_bulk", "rhat"))
  stopifnot(all(table$rhat < 1.01))
  setNames(lapply(seq_len(nrow(table)), function(i) as.list(table[i, -1])), table$variable)
}
out <- list(
  gaussian = sampled(over | trunc(lb = 0) ~ 0 + Intercept + day + (1 | Subject), slow,
    prior = set_prior("normal(1.4, 2)", class = "b", coef = "Intercept") + set_prior("normal(0, 0.8)", class = "b", coef = "day") +
      set_prior("student_t(3, 0, 1)", class = "sd") + set_prior("student_t(3, 0, 1)", class = "sigma")),
  poisson = sampled(y | trunc(lb = 1) ~ 0 + Intercept + base + (1 | subject), some, family = poisson(),
    prior = set_prior("normal(1, 2)", class = "b", coef = "Intercept") + set_prior("normal(0, 1)", class = "b", coef = "base") +
      set_prior("student_t(3, 0, 1)", class = "sd")),
  mean_lbase = mean(epil$lbase),
  versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "truncated_brms.json")

# A location-scale model of repeated measures by brms, with effects that are correlated across predictors: writes the
# summaries that tests/sampling/test_parameter_references.py reads. Run in this folder: Rscript parameters_brms.R
# (R 4.2, brms 2.18, rstan 2.21; minutes, needs a C++ compiler). The priors are those that the test states.
suppressMessages({library(brms); library(posterior); library(jsonlite)})
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")  # Debian's BH package contains no headers
}
data(sleepstudy, package = "lme4")
sleepstudy$day <- sleepstudy$Days - 4.5
fit <- brm(bf(Reaction ~ 0 + Intercept + day + (day | p | Subject), sigma ~ 0 + Intercept + day + (1 | p | Subject)),
  sleepstudy, chains = 4, iter = 3000, warmup = 1000, cores = 1, seed = 1, refresh = 0, silent = 2,
  control = list(adapt_delta = 0.95),
  prior = set_prior("normal(300, 100)", class = "b", coef = "Intercept") + set_prior("normal(0, 40)", class = "b", coef = "day") +
    set_prior("normal(4, 1)", class = "b", coef = "Intercept", dpar = "sigma") +
    set_prior("normal(0, 0.3)", class = "b", coef = "day", dpar = "sigma") +
    set_prior("student_t(3, 0, 50)", class = "sd", group = "Subject", coef = "Intercept") +
    set_prior("student_t(3, 0, 20)", class = "sd", group = "Subject", coef = "day") +
    set_prior("student_t(3, 0, 0.4)", class = "sd", group = "Subject", coef = "Intercept", dpar = "sigma") +
    set_prior("lkj(2)", class = "cor"))
names <- grep("^(b|sd|cor)_", variables(fit), value = TRUE)
stopifnot(sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
table <- as.data.frame(summarise_draws(subset_draws(as_draws_array(fit), variable = names), "mean", "sd", "mcse_mean", "ess_bulk", "rhat"))
stopifnot(all(table$rhat < 1.01))
out <- list(sleepstudy = setNames(lapply(seq_len(nrow(table)), function(i) as.list(table[i, -1])), table$variable),
            versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "parameters_brms.json")

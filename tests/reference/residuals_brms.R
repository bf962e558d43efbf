# Posteriors of residual structures by brms: writes the summaries that tests/test_residuals_brms.py reads. Run in this
# folder: Rscript residuals_brms.R (R 4.2, brms 2.18, rstan 2.21; minutes, needs a C++ compiler). Data: residuals.R.
# Priors are those that the test states. brms 2.18 has no unstr(): with complete data, one response for each visit with
# correlated residuals is the same model. In brms, sigma of ar() is the sd of the innovations, so that the prior of the
# residual sd is written in Stan.
suppressMessages({library(brms); library(posterior); library(jsonlite)})
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")  # Debian's BH package contains no headers
}
run <- function(...) brm(..., chains = 4, iter = 2500, warmup = 1000, cores = 2, seed = 1, refresh = 0, silent = 2)
entry <- function(fit, names, draws = as_draws_array(fit)) {
  stopifnot(rhat(extract_variable_matrix(draws, names[1])) < 1.01, sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
  table <- as.data.frame(summarise_draws(subset_draws(draws, variable = names), "mean", "sd", "mcse_mean", "ess_bulk"))
  setNames(lapply(seq_len(nrow(table)), function(i) as.list(table[i, -1])), table$variable)
}

rats <- read.csv("bodyweight.csv")
rats <- rats[rats$time %in% c(1, 8, 15, 22), ]
wide <- reshape(rats, direction = "wide", timevar = "time", idvar = c("rat", "diet"), v.names = "weight", sep = "")
visits <- paste0("weight", c(1, 8, 15, 22))
priors <- do.call(rbind, lapply(visits, function(v) {
  rbind(set_prior("normal(400, 200)", class = "b", resp = v), set_prior("student_t(3, 0, 50)", class = "sigma", resp = v))
})) + set_prior("lkj(2)", class = "rescor")
unstr <- run(bf(mvbind(weight1, weight8, weight15, weight22) ~ 0 + diet) + set_rescor(TRUE), wide, prior = priors)

mares <- read.csv("ovary.csv")
mares$s <- sin(2 * pi * mares$time) - mean(sin(2 * pi * mares$time))
mares$c <- cos(2 * pi * mares$time) - mean(cos(2 * pi * mares$time))
ar <- run(bf(follicles ~ 0 + Intercept + s + c + ar(day, gr = mare, p = 1, cov = TRUE)), mares,
  prior = set_prior("normal(12, 10)", class = "b", coef = "Intercept") + set_prior("normal(0, 10)", class = "b") +
    set_prior("", class = "sigma") + set_prior("uniform(-1, 1)", class = "ar", lb = -1, ub = 1),
  stanvars = stanvar(block = "model", scode =
    "target += student_t_lpdf(sigma / sqrt(1 - square(ar[1])) | 3, 0, 5) - 0.5 * log1m(square(ar[1]));"))
draws <- mutate_variables(as_draws_array(ar), residual_sd = sigma / sqrt(1 - `ar[1]`^2))

names_of <- function(fit) grep("^(b|sigma|rescor)_", variables(fit), value = TRUE)
out <- list(unstr = entry(unstr, names_of(unstr)),
            ar = entry(ar, c("b_Intercept", "b_s", "b_c", "ar[1]", "residual_sd"), draws),
            versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "residuals_brms.json")

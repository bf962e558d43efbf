# Category-specific effects of brms's inhaler data by brms: writes the data and the summaries that
# tests/sampling/test_threshold_effects.py reads. Run in this folder: Rscript threshold_effects.R
# (R 4.2, brms 2.18, rstan 2.21; minutes, needs a C++ compiler). The thresholds have the prior Dirichlet(1) of the
# probabilities of the categories at the predictors' means, which is written out here; the test states the others.
suppressMessages({library(brms); library(posterior); library(jsonlite)})
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")  # Debian's BH package contains no headers
}
data(inhaler, package = "brms")
inhaler <- inhaler[c("subject", "rating", "treat", "period")]
write.csv(inhaler, "inhaler.csv", row.names = FALSE)
inhaler$period <- inhaler$period - mean(inhaler$period)
uniform <- list(
  acat = "target += sum(log_softmax(append_row(0, -cumulative_sum(Intercept))));",
  sratio = "for (k in 1:nthres) target += logistic_lpdf(Intercept[k] | 0, 1) + (nthres - k) * log1m_inv_logit(Intercept[k]);")
summaries <- function(name) {
  fit <- brm(rating ~ treat + cs(period) + (1 | subject), inhaler, family = name,
    chains = 4, iter = 4000, warmup = 1000, cores = 1, seed = 1, refresh = 0, silent = 2,
    control = list(adapt_delta = 0.95), stanvars = stanvar(scode = uniform[[name]], block = "model"),
    prior = set_prior("", class = "Intercept") + set_prior("normal(0, 2)", class = "b") +
      set_prior("student_t(3, 0, 1)", class = "sd"))
  names <- grep("^(b|bcs|sd)_", variables(fit), value = TRUE)
  stopifnot(sum(nuts_params(fit, pars = "divergent__")$Value) == 0)
  table <- as.data.frame(summarise_draws(subset_draws(as_draws_array(fit), variable = names), "mean", "sd", "mcse_mean", "ess_bulk", "rhat"))
  stopifnot(all(table$rhat < 1.01))
  setNames(lapply(seq_len(nrow(table)), function(i) as.list(table[i, -1])), table$variable)
}
out <- list(acat = summaries("acat"), sratio = summaries("sratio"), mean_period = mean(read.csv("inhaler.csv")$period),
            versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "threshold_effects.json")

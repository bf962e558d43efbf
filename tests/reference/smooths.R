# Penalised smooths by mgcv: log likelihoods of gam(method = "ML"), and fitted values by REML.
# Run in this folder: Rscript smooths.R
library(mgcv)
library(jsonlite)

table <- read.csv("smooths.csv", stringsAsFactors = TRUE)
models <- list(
  cr = y ~ s(x, bs = "cr", k = 10),
  cc = y ~ s(x, bs = "cc", k = 8),
  by = y ~ f + s(x, by = f, id = 1, bs = "cr", k = 6)
)
ctrl <- gam.control(epsilon = 1e-12, newton = list(conv.tol = 1e-12))
answers <- lapply(models, function(formula) {
  ml <- gam(formula, data = table, method = "ML", control = ctrl)
  reml <- gam(formula, data = table, method = "REML", control = ctrl)
  list(
    log_likelihood = -as.numeric(ml$gcv.ubre), sigma = sqrt(ml$sig2), fitted = as.numeric(fitted(ml)[1:20]),
    reml_sigma = sqrt(reml$sig2), reml_fitted = as.numeric(fitted(reml)[1:20])
  )
})
answers$outside <- as.numeric(predict(gam(models$cr, data = table, method = "ML", control = ctrl),
  data.frame(x = c(-3, 13))))
answers$version <- as.character(packageVersion("mgcv"))
write_json(answers, "smooths.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)

# Penalised smooths by mgcv: log likelihoods of gam(method = "ML") and gam(method = "REML"), and fitted values by both.
# Run in this folder: Rscript smooths.R
library(mgcv)
library(jsonlite)

table <- read.csv("smooths.csv", stringsAsFactors = TRUE)
models <- list(
  cr = y ~ s(x, bs = "cr", k = 10),
  cc = y ~ s(x, bs = "cc", k = 8),
  by = y ~ f + s(x, by = f, bs = "cr", k = 6),
  by_hom = y ~ f + s(x, by = f, id = 1, bs = "cr", k = 6)
)
ctrl <- gam.control(epsilon = 1e-12, newton = list(conv.tol = 1e-12))

# mgcv integrates over coefficients that are orthonormal in the space of all: the columns of those without a penalty are
# X U, with U an orthonormal basis of the null space of the penalty. Half the log determinant of U'X'XU relates its
# restricted likelihood to that for other columns of the same span.
half_log_det <- function(fit) {
  penalty <- matrix(0, length(coef(fit)), length(coef(fit)))
  for (smooth in fit$smooth) {
    at <- smooth$first.para:smooth$last.para
    penalty[at, at] <- penalty[at, at] + smooth$S[[1]] / norm(smooth$S[[1]])
  }
  parts <- eigen(penalty, symmetric = TRUE)
  free <- model.matrix(fit) %*% parts$vectors[, parts$values < 1e-10]
  as.numeric(determinant(crossprod(free))$modulus) / 2
}

answers <- lapply(models, function(formula) {
  ml <- gam(formula, data = table, method = "ML", control = ctrl)
  reml <- gam(formula, data = table, method = "REML", control = ctrl)
  list(
    log_likelihood = -as.numeric(ml$gcv.ubre), sigma = sqrt(ml$sig2), fitted = as.numeric(fitted(ml)[1:20]),
    reml_log_likelihood = -as.numeric(reml$gcv.ubre), half_log_det = half_log_det(reml),
    reml_sigma = sqrt(reml$sig2), reml_fitted = as.numeric(fitted(reml)[1:20])
  )
})
answers$outside <- as.numeric(predict(gam(models$cr, data = table, method = "ML", control = ctrl),
  data.frame(x = c(-3, 13))))
answers$version <- as.character(packageVersion("mgcv"))
write_json(answers, "smooths.json", digits = 14, auto_unbox = TRUE, pretty = TRUE)

# Multi-membership by lme4, with a replaced Zt: writes the table and the log likelihoods and estimates that
# tests/test_memberships.py reads. Run in this folder: Rscript memberships.R (R 4.2, lme4 1.1-31). Simulated data.
library(lme4)
library(jsonlite)
set.seed(20)
n <- 400; J <- 30
d <- data.frame(school1 = sample(J, n, TRUE), school2 = sample(J, n, TRUE), w1 = round(runif(n, 0.1, 1), 3), w2 = round(runif(n, 0, 1), 3),
                class = sample(25, n, TRUE), x = round(rnorm(n), 4))
w <- as.matrix(d[, c("w1", "w2")]) / (d$w1 + d$w2)
W <- matrix(0, n, J)
for (i in 1:n) { W[i, d$school1[i]] <- W[i, d$school1[i]] + w[i, 1]; W[i, d$school2[i]] <- W[i, d$school2[i]] + w[i, 2] }
b <- cbind(rnorm(J, 0, 1.5), rnorm(J, 0, 0.6))
d$y <- round(3 + 0.5 * d$x + as.numeric(W %*% b[, 1]) + as.numeric(W %*% b[, 2]) * d$x + rnorm(25, 0, 0.5)[d$class] + rnorm(n), 4)
write.csv(d, "memberships.csv", row.names = FALSE)
d$fake <- factor(c(1:J, sample(J, n - J, TRUE)), levels = 1:J)
Zx <- matrix(0, n, 2 * J)
for (j in 1:J) { Zx[, 2 * j - 1] <- W[, j]; Zx[, 2 * j] <- W[, j] * d$x }
fit <- function(formula, name, Z, REML) {
  l <- lFormula(formula, d, REML = REML, control = lmerControl(check.nobs.vs.nRE = "ignore"))
  at <- which(names(l$reTrms$Ztlist) == name)
  first <- c(0, cumsum(sapply(l$reTrms$Ztlist, nrow)))
  l$reTrms$Ztlist[[at]] <- as(Matrix(t(Z), sparse = TRUE), "dgCMatrix")
  l$reTrms$Zt[(first[at] + 1):first[at + 1], ] <- l$reTrms$Ztlist[[at]]
  dev <- do.call(mkLmerDevfun, c(l, list(control = lmerControl())))
  opt <- optimizeLmer(dev, optimizer = "bobyqa", control = list(rhoend = 1e-10))
  m <- mkMerMod(environment(dev), opt, l$reTrms, fr = l$fr)
  v <- as.data.frame(VarCorr(m))
  list(log_likelihood = as.numeric(logLik(m)), beta = unname(fixef(m)), sd = v$sdcor[v$grp == "fake" & is.na(v$var2)],
       corr = v$sdcor[v$grp == "fake" & !is.na(v$var2)], sd_class = v$sdcor[v$grp == "class"], sigma = sigma(m))
}
out <- list()
for (REML in c(FALSE, TRUE)) {
  how <- if (REML) "reml" else "ml"
  out[[paste0("intercept_", how)]] <- fit(y ~ x + (1 | fake), "1 | fake", W, REML)
  out[[paste0("slope_", how)]] <- fit(y ~ x + (1 + x | fake), "1 + x | fake", Zx, REML)
  out[[paste0("crossed_", how)]] <- fit(y ~ x + (1 + x | fake) + (1 | class), "1 + x | fake", Zx, REML)
}
write(toJSON(out, auto_unbox = TRUE, digits = 12, pretty = TRUE), "memberships.json")

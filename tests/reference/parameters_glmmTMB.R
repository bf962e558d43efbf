# Models with predictors of a family's own parameters, and families with zeros, by glmmTMB: writes the tables
# parameters_*.csv and the estimates that tests/sampling/test_parameter_references.py reads. Run in this folder:
# Rscript parameters_glmmTMB.R (R 4.2, glmmTMB 1.1.5, lme4, MASS, pscl, vegan; seconds).
# Each entry has coefficients by component (cond, zi, disp) and log sds of group effects (logsd), with standard errors.
# Of a normal response glmmTMB 1.1.5 models log sigma^2 (checked at the end): `disp` is halved here, where sigma has the
# predictor. Of other responses it models the log of the parameter that is called alpha, of shares phi, here.
# Not here, because an estimate is at the edge of its range and has no standard error: zero inflation of negative binomial
# ticks, with broods or without; herds in the beta-binomial model of cbpp; sites in the zeros of cover.
suppressMessages({library(glmmTMB); library(jsonlite)})
data(sleepstudy, grouseticks, cbpp, package = "lme4"); data(epil, package = "MASS"); data(bioChemists, package = "pscl")
data(varespec, varechem, package = "vegan")
cover <- data.frame(site = rep(rownames(varespec), ncol(varespec)), species = rep(colnames(varespec), each = nrow(varespec)),
                    cover = unlist(varespec), bare = rep(varechem$Baresoil, ncol(varespec)) / 10)
epil$subject <- factor(epil$subject)
write.csv(epil[c("y", "trt", "lbase", "lage", "V4", "subject", "period")], "parameters_epil.csv", row.names = FALSE, quote = FALSE)
write.csv(bioChemists[c("art", "fem", "mar", "kid5", "phd", "ment")], "parameters_articles.csv", row.names = FALSE, quote = FALSE)
write.csv(cover, "parameters_cover.csv", row.names = FALSE, quote = FALSE)
cover <- read.csv("parameters_cover.csv", colClasses = c(site = "factor", species = "factor"))

# `sign`: what a coefficient of glmmTMB's dispersion is multiplied by, to be one of the parameter here.
fitted <- function(sign, ...) {
  m <- glmmTMB(...)  # the first call is not timed
  seconds <- median(vapply(1:5, function(i) system.time(m <<- glmmTMB(...))[["elapsed"]], 0))
  stopifnot(m$fit$convergence == 0, m$sdr$pdHess)
  cells <- function(part, times = 1) {
    table <- summary(m)$coefficients[[part]]
    if (is.null(table)) NULL else
      lapply(split(table[, 1:2], rownames(table)), function(v) list(estimate = v[1] * times, se = v[2] * abs(times)))
  }
  all <- m$fit$par
  errors <- sqrt(diag(m$sdr$cov.fixed))
  disp <- which(names(all) == "betad")
  sds <- function(theta, groups) {
    # Only (1 | g) and (x | g), whose two first elements are log sds.
    at <- 0; found <- list()
    for (g in names(groups)) {
      k <- length(groups[[g]]$blockSize); size <- groups[[g]]$blockSize
      for (i in seq_len(size)) found[[paste0(g, if (size > 1) i else "")]] <- at + i
      at <- at + groups[[g]]$blockNumTheta
    }
    lapply(found, function(i) list(estimate = all[names(all) == theta][[i]], se = errors[names(all) == theta][[i]]))
  }
  structures <- m$modelInfo$reStruc
  named <- function(s) setNames(s, sub("^.*\\| *", "", names(s)))
  out <- list(cond = cells("cond"), zi = cells("zi"),
              disp = setNames(lapply(disp, function(i) list(estimate = all[[i]] * sign, se = errors[[i]] * abs(sign))),
                              colnames(getME(m, "Xd"))),
              logsd = sds("theta", named(structures$condReStruc)), logsd_zi = sds("thetazi", named(structures$ziReStruc)),
              log_likelihood = as.numeric(logLik(m)), seconds = unname(seconds))
  out[lengths(out) > 0]
}
out <- list(
  sleepstudy = fitted(0.5, Reaction ~ Days + (Days | Subject), sleepstudy, dispformula = ~Days),
  epil = fitted(1, y ~ lbase * trt + lage + V4 + (1 | subject), epil, family = nbinom2, dispformula = ~trt),
  epil_inflated = fitted(1, y ~ lbase * trt + lage + V4 + (1 | subject), epil, family = nbinom2, ziformula = ~1),
  articles_inflated = fitted(1, art ~ fem + mar + kid5 + phd + ment, bioChemists, family = nbinom2, ziformula = ~ment),
  articles_hurdle = fitted(1, art ~ fem + mar + kid5 + phd + ment, bioChemists, family = truncated_nbinom2,
                           ziformula = ~ fem + mar + kid5 + phd + ment),
  ticks_inflated = fitted(1, TICKS ~ YEAR + cHEIGHT + (1 | LOCATION), grouseticks, family = poisson, ziformula = ~cHEIGHT),
  ticks_hurdle = fitted(1, TICKS ~ YEAR + cHEIGHT + (1 | LOCATION), grouseticks, family = truncated_nbinom2,
                        ziformula = ~ YEAR + cHEIGHT + (1 | LOCATION)),
  cbpp = fitted(1, cbind(incidence, size - incidence) ~ period, cbpp, family = betabinomial),
  cover = fitted(1, cover ~ bare + (1 | species) + (1 | site), cover, family = ziGamma(link = "log"),
                 ziformula = ~ bare + (1 | species)),
  versions = list(R = as.character(getRversion()), glmmTMB = as.character(packageVersion("glmmTMB"))))
write(toJSON(out, auto_unbox = TRUE, digits = 8, pretty = TRUE), "parameters_glmmTMB.json")
plain <- glmmTMB(Reaction ~ Days, sleepstudy)
stopifnot(all.equal(fixef(plain)$disp[[1]], log(sigma(plain)^2)))

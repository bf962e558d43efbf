# Maximum likelihood of models whose effects have covariances with a structure: glmmTMB (ar1, cs, homcs, diag) and
# lme4 (a covariance for each diet, by indicator columns). Run in this folder: Rscript effect_covariances.R
suppressMessages({library(glmmTMB); library(lme4); library(jsonlite)})
data(sleepstudy, package = "lme4")
sleepstudy <- transform(sleepstudy, third = factor(pmin(Days %/% 3, 2), labels = c("early", "middle", "late")),
                        day = factor(Days))
rats <- read.csv("bodyweight.csv")
for (diet in 1:3) rats[[paste0("d", diet)]] <- as.numeric(rats$diet == paste0("d", diet))
# glmmTMB stops early from its own starting values here: the best of several searches counts.
fitted <- function(formula, reml) {
  controls <- list(glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4)),
                   glmmTMBControl(optimizer = optim, optArgs = list(method = "BFGS")))
  first <- glmmTMB(formula, sleepstudy, REML = reml, control = glmmTMBControl(optCtrl = list(iter.max = 1)))
  size <- sum(names(first$obj$par) == "theta")
  best <- -Inf
  for (control in controls) for (log_sd in c(0, 3, 4)) {
    start <- list(theta = c(rep(log_sd, max(size - 1, 1)), rep(1, size > 1)), betad = 6)
    found <- try(glmmTMB(formula, sleepstudy, REML = reml, control = control, start = start), silent = TRUE)
    if (!inherits(found, "try-error")) best <- max(best, -as.numeric(found$obj$fn(found$fit$par)), na.rm = TRUE)
  }
  best
}
both <- function(formula) list(ml = fitted(formula, FALSE), reml = fitted(formula, TRUE))
by <- function(reml) as.numeric(logLik(lmer(
  weight ~ time * diet + (0 + d1 + d1:time | rat) + (0 + d2 + d2:time | rat) + (0 + d3 + d3:time | rat), rats, REML = reml,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5)))))
# Compound symmetry with equal sds, for a correlation >= 0, is an effect of the subject and one of its thirds.
equal <- lapply(c(ml = FALSE, reml = TRUE), function(reml) as.numeric(logLik(
  lmer(Reaction ~ Days + (1 | Subject) + (1 | Subject:third), sleepstudy, REML = reml))))
out <- list(
  "Reaction ~ Days + ar1(0 + day | Subject)" = both(Reaction ~ Days + ar1(0 + day | Subject)),
  "Reaction ~ Days + cs(0 + third | Subject)" = both(Reaction ~ Days + cs(0 + third | Subject)),
  "Reaction ~ Days + cs(0 + third | Subject, hom=True)" = equal,
  "Reaction ~ Days + diag(0 + third | Subject)" = both(Reaction ~ Days + diag(0 + third | Subject)),
  "weight ~ time*diet + (time | gr(rat, by=diet))" = list(ml = by(FALSE), reml = by(TRUE)))
write_json(out, "effect_covariances.json", auto_unbox = TRUE, digits = 12, pretty = TRUE)

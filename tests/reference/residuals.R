# Residual structures by nlme: writes the tables, and log likelihoods and estimates, that tests/test_residuals.py reads.
# Run in this folder: Rscript residuals.R (R 4.2, nlme 3.1-162). Data: nlme (GPL-2), after Hand & Crowder (1996),
# Pierson & Ginther (1987) and Vonesh & Carter (1992).
library(nlme)
library(jsonlite)
bodyweight <- data.frame(weight = BodyWeight$weight, time = BodyWeight$Time, rat = as.integer(as.character(BodyWeight$Rat)),
                         diet = paste0("d", BodyWeight$Diet))
ovary <- data.frame(follicles = Ovary$follicles, time = Ovary$Time, mare = as.integer(as.character(Ovary$Mare)))
ovary <- ovary[order(ovary$mare, ovary$time), ]
ovary$day <- ave(ovary$time, ovary$mare, FUN = seq_along)
dialyzer <- data.frame(rate = Dialyzer$rate, pressure = Dialyzer$pressure, qb = paste0("q", Dialyzer$QB),
                       subject = as.integer(as.character(Dialyzer$Subject)), occasion = Dialyzer$index)
write.csv(bodyweight, "bodyweight.csv", row.names = FALSE)
write.csv(ovary, "ovary.csv", row.names = FALSE)
write.csv(dialyzer, "dialyzer.csv", row.names = FALSE)
tight <- glsControl(tolerance = 1e-10, msTol = 1e-12, maxIter = 500, msMaxIter = 500)
entry <- function(fit, ...) {
  list(log_likelihood = as.numeric(logLik(fit)), sigma = fit$sigma,
       beta = unname(if (inherits(fit, "lme")) fixef(fit) else coef(fit)), ...)
}
rho <- function(fit) unname(coef(fit$modelStruct$corStruct, unconstrained = FALSE))
ratio <- function(fit) coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
sd_of <- function(fit) as.numeric(VarCorr(fit)[1, "StdDev"])
out <- list()
m <- gls(weight ~ time * diet, bodyweight, correlation = corCompSymm(form = ~ 1 | rat), method = "ML", control = tight)
out$cosy <- entry(m, rho = rho(m))
m <- gls(weight ~ time * diet, bodyweight, correlation = corCAR1(form = ~ time | rat), method = "ML", control = tight)
out$ar_gaps <- entry(m, rho = rho(m))
m <- lme(weight ~ time, bodyweight, random = ~ 1 | rat, weights = varIdent(form = ~ 1 | diet), method = "REML")
out$strata <- entry(m, ratio = as.list(ratio(m)), sd = sd_of(m))
m <- gls(follicles ~ sin(2 * pi * time) + cos(2 * pi * time), ovary, correlation = corAR1(form = ~ day | mare),
         method = "REML", control = tight)
out$ar <- entry(m, rho = rho(m))
m <- lme(follicles ~ sin(2 * pi * time) + cos(2 * pi * time), ovary, random = ~ 1 | mare,
         correlation = corAR1(form = ~ day | mare), method = "ML")
out$ar_and_groups <- entry(m, rho = rho(m), sd = sd_of(m))
m <- gls(rate ~ (pressure + I(pressure^2)) * qb, dialyzer, correlation = corSymm(form = ~ occasion | subject),
         weights = varIdent(form = ~ 1 | occasion), method = "REML", control = tight)
out$unstr <- entry(m, rho = rho(m), ratio = as.list(ratio(m)))
write(toJSON(out, auto_unbox = TRUE, digits = 12, pretty = TRUE), "residuals.json")

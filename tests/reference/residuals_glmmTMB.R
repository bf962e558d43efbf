# Residual structures by glmmTMB, as random effects of one row each with dispformula = ~0: writes the log likelihoods that
# tests/likelihood/test_maximise_residual.py reads. Run in this folder after residuals.R: Rscript residuals_glmmTMB.R
# (R 4.2, glmmTMB 1.1.5). With dispformula = ~0, glmmTMB fixes the residual sd at a negligible value. The tolerance is so
# tight that nlminb warns of its last steps.
library(glmmTMB)
library(jsonlite)
ovary <- read.csv("ovary.csv"); bodyweight <- read.csv("bodyweight.csv"); dialyzer <- read.csv("dialyzer.csv")
ovary$mare <- factor(ovary$mare); ovary$day <- factor(ovary$day, levels = sort(unique(ovary$day)))
bodyweight$rat <- factor(bodyweight$rat); bodyweight$visit <- factor(bodyweight$time)
dialyzer$subject <- factor(dialyzer$subject); dialyzer$occasion <- factor(dialyzer$occasion)
tight <- glmmTMBControl(optCtrl = list(iter.max = 2000, eval.max = 2000, rel.tol = 1e-13))
ll <- function(m) as.numeric(logLik(m))
out <- list()
out$ar <- ll(glmmTMB(follicles ~ sin(2 * pi * time) + cos(2 * pi * time) + ar1(0 + day | mare), ovary,
                     dispformula = ~0, REML = TRUE, control = tight))
out$cosy_by_visit <- ll(glmmTMB(weight ~ time * diet + cs(0 + visit | rat), bodyweight, dispformula = ~0, control = tight))
out$unstr <- ll(glmmTMB(rate ~ (pressure + I(pressure^2)) * qb + us(0 + occasion | subject), dialyzer,
                        dispformula = ~0, REML = TRUE, control = tight))
out$strata <- ll(glmmTMB(weight ~ time + (1 | rat), bodyweight, dispformula = ~diet, REML = TRUE, control = tight))
write(toJSON(out, auto_unbox = TRUE, digits = 12, pretty = TRUE), "residuals_glmmTMB.json")

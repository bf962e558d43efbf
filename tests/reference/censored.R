# Maximum likelihood of censored responses by survival::survreg, without groups.
# Run in this folder: Rscript censored.R
library(survival)
library(jsonlite)
kidney <- survival::kidney[, c("id", "time", "status", "age", "sex", "disease")]
kidney$censored <- 1 - kidney$status
# Intervals of 30 days for the same times, known above where they were censored.
kidney$low <- 30 * floor((kidney$time - 1) / 30) + 1
kidney$high <- kidney$low + 30
kidney$kind <- ifelse(kidney$status == 0, "right", "interval")
write.csv(kidney[, c("id", "time", "censored", "age", "sex", "low", "high", "kind")],
  "kidney.csv", row.names = FALSE, quote = FALSE)
of <- function(fit) list(coef = unname(coef(fit)), scale = fit$scale, loglik = fit$loglik[2])
right <- Surv(kidney$time, kidney$status)
upper <- ifelse(kidney$status == 0, NA, kidney$high)
interval <- Surv(ifelse(kidney$status == 0, kidney$time, kidney$low), upper, type = "interval2")
left <- Surv(kidney$time, kidney$time > 20, type = "left")
out <- list()
for (dist in c("weibull", "exponential", "lognormal", "gaussian")) {
  out[[dist]] <- list(
    right = of(survreg(right ~ age + sex, kidney, dist = dist)),
    interval = of(survreg(interval ~ age + sex, kidney, dist = dist)),
    left = of(survreg(left ~ age + sex, kidney, dist = dist))
  )
}
write(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "censored.json")

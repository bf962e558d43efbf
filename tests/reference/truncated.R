# Maximum likelihood of zero-truncated counts by glmmTMB, and of censored Student t responses by survival::survreg.
# Run in this folder: Rscript truncated.R
suppressMessages({library(glmmTMB); library(survival); library(jsonlite)})
articles <- subset(read.csv("parameters_articles.csv"), art >= 1)
of <- function(fit) list(coef = unname(fixef(fit)$cond), shape = sigma(fit), loglik = as.numeric(logLik(fit)))
counts <- list(
  poisson = of(glmmTMB(art ~ ment, articles, family = truncated_poisson)),
  negative_binomial = of(glmmTMB(art ~ ment, articles, family = truncated_nbinom2))
)
kidney <- read.csv("kidney.csv")
right <- Surv(log(kidney$time), 1 - kidney$censored)
left <- Surv(log(kidney$time), kidney$time > 20, type = "left")
upper <- ifelse(kidney$kind == "right", NA, log(kidney$high))
interval <- Surv(ifelse(kidney$kind == "right", log(kidney$time), log(kidney$low)), upper, type = "interval2")
times <- lapply(list(right = right, left = left, interval = interval), function(y) {
  fit <- survreg(y ~ age + sex, kidney, dist = "t", parms = 4)
  list(coef = unname(coef(fit)), scale = fit$scale, loglik = fit$loglik[2])
})
write(toJSON(list(counts = counts, student_t = times), digits = 12, auto_unbox = TRUE, pretty = TRUE), "truncated.json")

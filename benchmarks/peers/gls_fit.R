# Maximum-likelihood fits of correlated residuals by nlme; only gls() is timed.
# The request: table (a CSV file), labels, gls, correlation, weights (or null), repeats. The answer: versions, seconds,
# log_likelihood.
suppressMessages({library(nlme); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- as.formula(request$gls)
correlation <- function() eval(parse(text = request$correlation))
weights <- function() if (is.null(request$weights)) NULL else eval(parse(text = request$weights))

invisible(gls(follicles ~ 1, data.frame(follicles = Ovary$follicles)))  # loads what the first call loads
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  fit <- gls(formula, data, correlation = correlation(), weights = weights(), method = "ML")
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), nlme = as.character(packageVersion("nlme")),
                 BLAS = basename(extSoftVersion()[["BLAS"]]))
answer <- list(versions = versions, seconds = I(seconds), log_likelihood = as.numeric(logLik(fit)))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

# Estimates by glmmTMB of models with predictors of zeros and of the dispersion; only glmmTMB() is timed, standard errors included.
# The request: table (a CSV file), labels, formula, zi, disp, family, repeats. The answer: versions, seconds.
suppressMessages({library(glmmTMB); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
fit <- function() suppressWarnings(glmmTMB(as.formula(request$formula), data, eval(parse(text = request$family)),
                                           ziformula = as.formula(request$zi), dispformula = as.formula(request$disp)))
invisible(fit())  # loads what is needed
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  m <- fit()
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), glmmTMB = as.character(packageVersion("glmmTMB")))
write_json(list(versions = versions, seconds = I(seconds)), paths[2], auto_unbox = TRUE, digits = NA)

# Estimates by glmer, by Laplace's approximation or quadrature; only glmer() is timed.
# The request: table (a CSV file), labels, formula, family, nodes, repeats. The answer: versions, seconds.
suppressMessages({library(lme4); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- as.formula(request$formula)

invisible(glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial))  # loads what is needed
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  fit <- suppressMessages(suppressWarnings(glmer(formula, data, request$family, nAGQ = request$nodes)))
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                 BLAS = basename(extSoftVersion()[["BLAS"]]))
write_json(list(versions = versions, seconds = I(seconds)), paths[2], auto_unbox = TRUE, digits = NA)

# Restricted maximum likelihood by lme4 for many responses of the same rows; refit() keeps the design of the first fit.
# The request: table and values (CSV files), responses. The answer: versions, seconds, singular (how many fits).
suppressMessages({library(lme4); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
values <- as.matrix(read.csv(request$values))
for (label in c("a", "b")) data[[label]] <- factor(data[[label]])
data$y <- values[, 1]
first <- suppressMessages(suppressWarnings(lmer(y ~ x + (1 | a) + (1 | b), data)))
singular <- 0
started <- Sys.time()
for (k in seq_len(request$responses)) {
  fit <- suppressMessages(suppressWarnings(refit(first, values[, k])))
  singular <- singular + isSingular(fit)
}
seconds <- as.numeric(Sys.time() - started, units = "secs")
versions <- list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")))
write_json(list(versions = versions, seconds = seconds, singular = singular), paths[2], auto_unbox = TRUE, digits = NA)

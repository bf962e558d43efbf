# Maximum-likelihood fits by lme4; only lmer() is timed.
# The request: table (a CSV file), labels, formula, repeats. The answer: versions, seconds, log_likelihood,
# peak_gigabytes (the high-water mark of the process; null where there is no /proc).
suppressMessages({library(lme4); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- as.formula(request$formula)

invisible(lmer(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE))  # loads what the first call loads
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  fit <- suppressMessages(suppressWarnings(lmer(formula, data, REML = FALSE)))
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                 BLAS = basename(extSoftVersion()[["BLAS"]]))
status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status") else character()
mark <- as.numeric(gsub("[^0-9]", "", grep("^VmHWM", status, value = TRUE))) * 1024 / 1e9
answer <- list(versions = versions, seconds = I(seconds), log_likelihood = as.numeric(logLik(fit)),
               peak_gigabytes = if (length(mark)) mark else NA)
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

# Penalised smooths by mgcv; only gam(method = "REML") is timed.
# The request: table (a CSV file), formula, repeats. The answer: versions, seconds, log_likelihood (of method = "ML").
suppressMessages({library(mgcv); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
formula <- as.formula(request$formula)

invisible(gam(dist ~ s(speed, bs = "cr", k = 5), data = cars, method = "REML"))  # loads what the first call loads
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  gam(formula, data = data, method = "REML")
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), mgcv = as.character(packageVersion("mgcv")),
                 BLAS = basename(extSoftVersion()[["BLAS"]]))
exact <- gam.control(epsilon = 1e-12, newton = list(conv.tol = 1e-12))
answer <- list(versions = versions, seconds = I(seconds),
               log_likelihood = -as.numeric(gam(formula, data = data, method = "ML", control = exact)$gcv.ubre))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

# Fits by rstanarm, whose Stan models come compiled. Only stan_lmer() or stan_glmer() is timed.
# The request: table (a CSV file), labels, formula, chains, draws, cores, seeds; family, where it is not gaussian. The
# answer: versions, runs.
suppressMessages({library(rstanarm); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- as.formula(request$formula)

# Fixed effects, sigma, and the group covariance as sds and correlations; each chains x draws.
parameters <- function(fit) {
  draws <- as.array(fit)
  names <- dimnames(draws)[[3]]
  found <- list()
  for (name in names[!grepl("^(b|Sigma)\\[", names)]) found[[name]] <- t(draws[, , name])
  entries <- names[grepl("^Sigma\\[", names)]
  pair <- function(name) strsplit(sub("^Sigma\\[[^:]*:(.*)\\]$", "\\1", name), ",", fixed = TRUE)[[1]]
  diagonal <- Filter(function(name) pair(name)[1] == pair(name)[2], entries)
  sds <- setNames(lapply(diagonal, function(name) t(sqrt(draws[, , name]))), sapply(diagonal, function(n) pair(n)[1]))
  for (name in names(sds)) found[[paste0("sd[", name, "]")]] <- sds[[name]]
  for (name in setdiff(entries, diagonal)) {
    of <- pair(name)
    found[[paste0("corr[", of[2], ",", of[1], "]")]] <- t(draws[, , name]) / (sds[[of[1]]] * sds[[of[2]]])
  }
  found
}

one <- function(seed) {
  started <- Sys.time()
  how <- list(formula, data, chains = request$chains, iter = 2 * request$draws, cores = request$cores, seed = seed,
              refresh = 0)
  fit <- suppressWarnings(
    if (is.null(request$family)) do.call(stan_lmer, how)
    else do.call(stan_glmer, c(how, list(family = get(request$family))))
  )
  seconds <- as.numeric(Sys.time() - started, units = "secs")
  list(seconds = seconds, draws = parameters(fit))
}
answer <- list(versions = list(rstanarm = as.character(packageVersion("rstanarm"))), runs = lapply(request$seeds, one))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

# Fits by brms: a model is compiled once (its time is reported separately), then fitted. Only update() is timed.
# The request: table (a CSV file), labels, formula, chains, draws, cores, seeds. The answer: versions, compile, runs.
suppressMessages({library(brms); library(jsonlite)})
# Debian's BH package contains no headers; those of Boost are used.
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")
}
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- as.formula(request$formula)

started <- Sys.time()
compiled <- suppressMessages(suppressWarnings(brm(formula, data, chains = 0, silent = 2, refresh = 0)))
compile <- as.numeric(Sys.time() - started, units = "secs")

one <- function(seed) {
  started <- Sys.time()
  fit <- suppressMessages(suppressWarnings(update(compiled, chains = request$chains, iter = 2 * request$draws,
    cores = request$cores, seed = seed, refresh = 0, silent = 2, recompile = FALSE)))
  seconds <- as.numeric(Sys.time() - started, units = "secs")
  draws <- as.array(fit)
  names <- dimnames(draws)[[3]]
  names <- names[grepl("^(b|sd|cor)_|^sigma$", names)]
  list(seconds = seconds, draws = setNames(lapply(names, function(name) t(unclass(draws[, , name]))), names))
}
answer <- list(versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))),
               compile = compile, runs = lapply(request$seeds, one))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

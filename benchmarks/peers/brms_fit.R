# Fits by brms: a model is compiled once (its time is reported separately), then fitted. Only update() is timed.
# The request: table (a CSV file), labels, formula and prior (R code; null: brms's priors), chains, draws, cores,
# seeds. The answer: versions, compile, runs; it is written without runs as soon as the model is compiled, for the case that the time does not suffice.
suppressMessages({library(brms); library(jsonlite)})
# Debian's BH package contains no headers; those of Boost are used.
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")
}
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
for (label in request$labels) data[[label]] <- factor(data[[label]])
formula <- eval(parse(text = request$formula))
prior <- if (is.null(request$prior)) NULL else eval(parse(text = request$prior))
versions <- list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan")))

started <- Sys.time()
compiled <- suppressMessages(suppressWarnings(brm(formula, data, prior = prior, chains = 0, silent = 2, refresh = 0)))
compile <- as.numeric(Sys.time() - started, units = "secs")
write_json(list(versions = versions, compile = compile, runs = list()), paths[2], auto_unbox = TRUE, digits = NA)

one <- function(seed) {
  started <- Sys.time()
  fit <- suppressMessages(suppressWarnings(update(compiled, chains = request$chains, iter = 2 * request$draws,
    cores = request$cores, seed = seed, refresh = 0, silent = 2, recompile = FALSE)))
  seconds <- as.numeric(Sys.time() - started, units = "secs")
  draws <- as.array(fit)
  names <- dimnames(draws)[[3]]
  names <- names[grepl("^(b|sd|cor|sigma|rescor)_|^sigma$", names)]
  list(seconds = seconds, draws = setNames(lapply(names, function(name) t(unclass(draws[, , name]))), names))
}
answer <- list(versions = versions, compile = compile, runs = lapply(request$seeds, one))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

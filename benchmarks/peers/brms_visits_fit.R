# A trial with visits by brms, one response per visit with correlated residuals: compiled once (its time is reported
# separately), then fitted. Only update() is timed. brms 2.18 has no unstr(); this is the same model of complete data,
# where the baseline has a coefficient per visit.
# The request: table (a CSV file), chains, draws, cores, seeds. The answer: versions, compile, runs.
suppressMessages({library(brms); library(jsonlite)})
# Debian's BH package contains no headers; those of Boost are used.
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")
}
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
long <- read.csv(request$table)
data <- reshape(long[c("patient", "arm", "baseline", "visit", "change")], direction = "wide", timevar = "visit",
                idvar = c("patient", "arm", "baseline"), sep = "")
responses <- paste0("change", unique(long$visit))
formula <- bf(as.formula(paste0("mvbind(", paste(responses, collapse = ", "), ") ~ arm + baseline"))) + set_rescor(TRUE)

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
  names <- names[grepl("^(b|sigma|rescor)_", names)]
  list(seconds = seconds, draws = setNames(lapply(names, function(name) t(unclass(draws[, , name]))), names))
}
answer <- list(versions = list(brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))),
               compile = compile, runs = lapply(request$seeds, one))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

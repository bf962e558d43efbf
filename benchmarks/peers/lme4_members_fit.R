# Maximum-likelihood fits of a multi-membership model by lme4: the Zt of a factor that stands in its place is replaced
# by the members' weights. Everything that a user has to do is timed, from the formula to the fitted model.
# The request: table (a CSV file), formula (`members` is the factor), members (columns), repeats. The answer: versions,
# seconds, log_likelihood.
suppressMessages({library(lme4); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
request <- fromJSON(paths[1])
data <- read.csv(request$table)
formula <- as.formula(request$formula)
control <- lmerControl(check.nobs.vs.nRE = "ignore")

fit <- function() {
  named <- as.matrix(data[request$members])
  levels <- sort(unique(as.vector(named)))
  n <- nrow(data)
  Zt <- sparseMatrix(i = match(as.vector(named), levels), j = rep(seq_len(n), ncol(named)), x = 1 / ncol(named),
                     dims = c(length(levels), n))  # a level that is named twice has its weights added
  data$members <- factor(rep_len(levels, n), levels = levels)
  parts <- lFormula(formula, data, REML = FALSE, control = control)
  parts$reTrms$Zt <- parts$reTrms$Ztlist[[1]] <- Zt
  deviance <- do.call(mkLmerDevfun, c(parts, list(control = control)))
  found <- optimizeLmer(deviance)
  mkMerMod(environment(deviance), found, parts$reTrms, fr = parts$fr)
}
invisible(lmer(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE))  # loads what the first call loads
seconds <- numeric()
for (i in seq_len(request$repeats)) {
  started <- Sys.time()
  fitted <- suppressMessages(suppressWarnings(fit()))
  seconds[i] <- as.numeric(Sys.time() - started, units = "secs")
}
versions <- list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                 BLAS = basename(extSoftVersion()[["BLAS"]]))
answer <- list(versions = versions, seconds = I(seconds), log_likelihood = as.numeric(logLik(fitted)))
write_json(answer, paths[2], auto_unbox = TRUE, digits = NA)

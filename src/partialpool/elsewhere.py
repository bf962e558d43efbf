"""Names of functions and attributes of other packages: what they are called here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["OF_FITS", "OF_MODULES", "sentence"]

_FIT: Final = "pp.fit(formula, data) fits a model and returns its draws"
_EFFECTS: Final = "pp.group_effects(fit, 'g') has the levels' effects"
_LEVELS: Final = "pp.shrinkage(fit)['partial_pooling'] has each level's own coefficients"
_FIXED: Final = (
    "fit.posterior['beta'] has the draws of the fixed effects; pp.summary(fit.posterior['beta']) tabulates them"
)
_SDS: Final = "pp.variance_components(fit) has sds, variances and correlations"
_SUMMARY: Final = "print(fit), or pp.summary(fit); as a table of numbers fit.digest.frame"
_TRACES: Final = (
    "arviz.plot_trace_dist(fit.tree, var_names=['beta', 'sigma']) draws the chains; pp.report writes a page"
)
_MEANS: Final = "pp.predict(fit, data)['expectation'] has the means"
_RESPONSES: Final = "pp.predict(fit, data)['response'] has new responses"
_LINEAR: Final = "pp.predict(fit, data)['linear_predictor']"
_GRID: Final = "pp.predict(fit, pp.datagrid(fit, x=[0, 1]), kind='typical') predicts at named values"
_CURVE: Final = "pp.plot_predictions(pp.predict(fit, pp.datagrid(fit, x=range(10)), kind='typical'), 'x')"
_AVERAGE: Final = "pp.average_effect(fit, 'x')"
_CHECKS: Final = "pp.plot_posterior_checks(pp.posterior_checks(fit)); pp.check(fit) lists verdicts"
_LOO: Final = "pp.compare(fits) leaves out rows and whole levels; arviz.loo(pp.to_datatree(fit)) is for one fit"
_RESIDUALS: Final = "pp.quantile_residuals(fit), and pp.plot_quantile_residuals of it"
_DRAWS: Final = "fit.posterior has the draws by name; pp.draws_frame(fit) is a table of them"
_MEANS_AT: Final = "pp.adjusted_means(fit, 'x') averages over the other predictors"
_SPEC: Final = "pp.ModelSpec.from_formula(formula) is a model without data; " + _FIT
_LIKELIHOOD: Final = "pp.maximum_likelihood(formula, data) has the estimates of lme4"
_SCRIPT: Final = "pp.pymc_source(fit) is the model's code; pp.build_model(formula, data) is its PyMC model"
_STATED: Final = "fit.priors lists every prior; before a fit, pp.priors(formula, data)"
_CODES: Final = "fit.design has the response, the columns and the factors as arrays"
_SAVE: Final = "fit.save('fit.nc'); pp.load_fit('fit.nc') reads it"
_ICC: Final = "pp.icc(fit)"
_ONLY_PRIOR: Final = "pp.prior_predictive(formula, data)"
_TABLE: Final = "pp.table(fits) is a table for a paper"


def _each(names: str, answer: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), answer)


_OF_BOTH: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_each("ranef random_effects se_ranef", _EFFECTS),
        **_each("coef", _LEVELS + "; " + _FIXED),
        **_each("fixef fixed_effects", _FIXED),
        **_each("VarCorr varcorr", _SDS),
        **_each("confint posterior_interval conf_int", "pp.to_frame(fit, prob=0.9) has the intervals"),
        **_each("posterior_summary tidy", _SUMMARY),
        **_each("posterior_epred fitted fitted_values fittedvalues", _MEANS),
        **_each("posterior_predict add_predicted_draws", _RESPONSES + "; pp.posterior_predictive(fit, data)"),
        **_each("posterior_linpred", _LINEAR),
        **_each("conditional_effects marginal_effects plot_conditional ggpredict plot_model", _CURVE),
        **_each("emmeans lsmeans marginal_means", _MEANS_AT),
        **_each("predictions", _GRID),
        **_each("comparisons slopes avg_comparisons avg_slopes marginaleffects", _AVERAGE),
        **_each("pp_check ppc plot_ppc check_model", _CHECKS),
        **_each("loo waic add_criterion", _LOO),
        **_each("kfold loo_compare loo_model_weights model_weights", "pp.compare(fits)"),
        **_each("residuals resid simulateResiduals simulate_residuals", _RESIDUALS),
        **_each("simulate", "pp.posterior_predictive(fit) simulates responses"),
        **_each("as_draws as_draws_df as_draws_array spread_draws gather_draws samples extract", _DRAWS),
        **_each("stancode make_stancode", _SCRIPT),
        **_each("standata make_standata getME model_matrix", _CODES),
        **_each("prior_summary", _STATED),
        **_each("log_lik logLik loglik", "pp.log_likelihood(fit) by row; " + _LIKELIHOOD),
        **_each("bayes_R2 r2 r2_nakagawa r2_score", "pp.variance_components(fit)['r2_conditional']"),
        **_each("hypotheses", "pp.hypothesis(fit, 'x > 0')"),
        **_each("isSingular is_singular", "pp.singularity(fit)"),
        **_each("powerscale powerscale_sensitivity", "pp.power_scale(fit)"),
        **_each("plot plot_trace mcmc_plot pairs traceplot", _TRACES),
        **_each("rhat neff_ratio ess", "print(fit) says whether the chains agree; fit.digest.frame has both by row"),
        **_each("bridge_sampler log_evidence marginal_likelihood", "fit.run.evidence; pp.compare(fits) compares it"),
        **_each("AIC BIC aic bic", "pp.compare(fits) compares models; " + _LIKELIHOOD),
        **_each("anova", "pp.lrt(full, reduced, data)"),
        **_each("tab_model modelsummary", _TABLE),
        **_each("ngrps", "fit.posterior.sizes"),
        **_each("nobs", "fit.design.n_rows"),
        **_each("vcov", "numpy.cov(fit.stacked()['beta'].T)"),
    }
)
OF_MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_OF_BOTH,
        **_each("brm glmer lmer stan_glmer stan_lmer rstanarm mixedlm MixedLM glmmTMB sample", _FIT),
        **_each("Model Formula formula bf", _SPEC),
        **_each("ml mle reml REML lme", _LIKELIHOOD),
        **_each("predict_fit", _MEANS),
        **_each("get_prior default_prior validate_prior", "pp.priors(formula, data) lists every prior"),
        **_each("set_prior prior normal Normal HalfNormal", "priors={'sd_g': pp.Prior('HalfNormal', sigma=1)}"),
        **_each("sample_prior_predictive prior_predictive_check prior_draws", _ONLY_PRIOR),
        **_each("sample_posterior_predictive", _RESPONSES),
        **_each("bayes_factor post_prob", "pp.compare(fits).frame['evidence'] has log evidence"),
        **_each("load", "pp.load_fit('fit.nc') reads a saved fit, pp.load_dataset('sleepstudy') a data set"),
        **_each("load_data data datasets_list", "pp.load_dataset('sleepstudy'); pp.dataset_names() lists all"),
        **_each("save", _SAVE),
        **_each("influence cooks_distance", "pp.level_influence(fit)"),
        **_each("exactRLRT", "pp.lrt(full, reduced, data)"),
        **_each("plot_priors", "pp.plot_prior_predictive(pp.prior_predictive(formula, data))"),
        **_each("plot_comparisons plot_slopes", "pp.plot_average_effect(pp.average_effect(fit, 'x'))"),
        **_each("plot_forest dotplot", "pp.plot_group_effects(pp.group_effects(fit, 'g'))"),
        **_each("lmList", "pp.shrinkage(fit)['no_pooling']"),
    }
)
"""By name in another package, what it is called here: functions."""
OF_FITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_OF_BOTH,
        **_each("summary summarize describe results", _SUMMARY),
        **_each("predict", _MEANS + "; " + _RESPONSES),
        **_each("coef_ params beta betas fe_params intercept_ coefficients", _FIXED),
        **_each("fit sample build", "the fit has its draws already, in fit.posterior; " + _FIT),
        **_each("idata trace inference_data data_tree datatree", "fit.tree is the tree for ArviZ"),
        **_each("draws chains", _DRAWS),
        **_each("cov_re vcomp sd sds variance_components", _SDS),
        **_each("sigma", "fit.posterior['sigma'] has its draws"),
        **_each("pvalues bse tvalues", "pp.to_frame(fit) has standard errors and intervals; there are no p-values"),
        **_each("formula", "fit.spec.to_formula()"),
        **_each("family", "fit.spec.family"),
        **_each("data model_frame frame", "fit.design.frame has the rows and columns that the model read"),
        **_each("model", "fit.spec is the specification; " + _SCRIPT),
        **_each("icc", _ICC),
        **_each(
            "to_dataframe to_frame to_df", "pp.draws_frame(fit) is a table of draws, pp.to_frame(fit) of estimates"
        ),
        **_each("to_netcdf write", _SAVE),
        **_each("load", "pp.load_fit('fit.nc')"),
        **_each("compare", "pp.compare({'a': fit, 'b': other})"),
        **_each("check", "pp.check(fit)"),
        **_each("group_effects effects", _EFFECTS),
        **_each("prior_predictive", _ONLY_PRIOR),
        **_each("posterior_predictive", "pp.posterior_predictive(fit)"),
        **_each("report", "pp.report(fit, 'report.html')"),
        **_each("table", "pp.table(fit)"),
        **_each("converged diagnostics warnings", "fit.digest.verdict"),
        **_each("seed engine settings", "fit.run has the engine, its settings and facts of the run"),
    }
)
"""By name in another package, what it is called here: attributes and methods of fits."""


def sentence(owner: str, name: str, names: Mapping[str, str]) -> str:
    """Say what a name of another package is called here; empty where it is not listed.

    Examples
    --------
    >>> sentence("partialpool", "ranef", OF_MODULES)
    "partialpool has no 'ranef': pp.group_effects(fit, 'g') has the levels' effects"
    """
    answer = names.get(name, "")
    return answer and f"{owner} has no {name!r}: {answer}"

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench verify: do the known orderings of strategies hold? One line for
 * each claim on stdout, or one JSON document; the rest to stderr.
 */
#include "bench/command.h"
#include "bench/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* What has been printed so far. */
struct verify_output {
	enum verify_scene scene;
	uint32_t claims;
	uint32_t absent;
};

/* ---- for people ---------------------------------------------------------- */

static void verify_range_text(const struct verify_claim *claim, char *text,
			      size_t bytes)
{
	if (isinf(claim->high))
		(void)snprintf(text, bytes, ">= %.3g", claim->low);
	else if (claim->low < claim->high && claim->low > 0)
		(void)snprintf(text, bytes, "%.3g to %.3g", claim->low,
			       claim->high);
	else
		(void)snprintf(text, bytes, "<= %.3g", claim->high);
}

static void verify_line(const struct verify_claim *claim, double measured,
			enum verify_verdict verdict, void *ctx)
{
	static const char *const words[] = {
		[VERIFY_HOLDS] = "pass",
		[VERIFY_FAILS] = "FAIL",
		[VERIFY_ABSENT] = "----",
	};
	struct verify_output *output = ctx;
	char range[32];
	char value[32] = "not built";

	if (output->claims++ == 0 || output->scene != claim->scene)
		(void)printf("%s%s\n", output->claims > 1 ? "\n" : "",
			     verify_scene_text(claim->scene));
	output->scene = claim->scene;
	output->absent += verdict == VERIFY_ABSENT;
	verify_range_text(claim, range, sizeof(range));
	if (verdict != VERIFY_ABSENT)
		(void)snprintf(value, sizeof(value),
			       measured < 1000 ? "%.3g" : "%.0f", measured);
	(void)printf("  %s  %9s  %-12s  %-52s %s%s\n", words[verdict], value,
		     range, claim->text, verify_metric_text(claim->left.metric),
		     claim->right.strategy ? ", ratio" : "");
	(void)fflush(stdout);
}

/* ---- for programs -------------------------------------------------------- */

static void verify_json_term(const char *name, const struct verify_term *term)
{
	if (term->strategy == NULL)
		(void)printf("\"%s\": null, ", name);
	else
		(void)printf("\"%s\": \"%s\", ", name, term->strategy);
}

/* Our own texts: nothing in them needs an escape. */
static void verify_json(const struct verify_claim *claim, double measured,
			enum verify_verdict verdict, void *ctx)
{
	struct verify_output *output = ctx;

	(void)printf("%s\n    {\"scene\": \"%s\", \"claim\": \"%s\", "
		     "\"metric\": \"%s\", ",
		     output->claims++ ? "," : "",
		     verify_scene_text(claim->scene), claim->text,
		     verify_metric_text(claim->left.metric));
	output->absent += verdict == VERIFY_ABSENT;
	verify_json_term("strategy", &claim->left);
	verify_json_term("relative_to", &claim->right);
	(void)printf("\"low\": %.17g, ", claim->low);
	if (isinf(claim->high))
		(void)printf("\"high\": null, ");
	else
		(void)printf("\"high\": %.17g, ", claim->high);
	if (verdict == VERIFY_ABSENT || !isfinite(measured))
		(void)printf("\"measured\": null, ");
	else
		(void)printf("\"measured\": %.17g, ", measured);
	(void)printf("\"holds\": %s}", verdict == VERIFY_ABSENT  ? "null"
				       : verdict == VERIFY_HOLDS ? "true"
								 : "false");
}

static void verify_summary(const struct bench_options *options,
			   const struct verify_output *output, int violations)
{
	uint32_t held = output->claims - output->absent - (uint32_t)violations;

	if (options->json_only) {
		(void)printf("\n  ],\n  \"held\": %u,\n  \"violated\": %d,\n"
			     "  \"absent\": %u\n}\n",
			     held, violations, output->absent);
		return;
	}
	(void)printf("\nseed %" PRIu64 ", %u traces of %" PRIu64 " events for "
		     "each load: %u claims hold, %d do not",
		     options->plan.trace.seed, VERIFY_ROUNDS,
		     options->plan.trace.count, held, violations);
	if (output->absent > 0)
		(void)printf(", %u are about what is not built",
			     output->absent);
	(void)printf("\n");
}

int cmd_verify(const struct command *command, struct bench_options *options)
{
	const struct verify_opts opts = {
		.seed = options->plan.trace.seed,
		.events = options->plan.trace.count,
	};
	struct verify_output output = {0};
	char why[256] = "";
	int rc;

	if (options->json_only)
		(void)printf("{\n  \"schema\": 1,\n  \"command\": \"verify\",\n"
			     "  \"seed\": %" PRIu64 ",\n"
			     "  \"traces\": %u,\n  \"events\": %" PRIu64 ",\n"
			     "  \"claims\": [",
			     opts.seed, VERIFY_ROUNDS, opts.events);
	rc = verify_run(&opts, options->json_only ? verify_json : verify_line,
			&output, why, sizeof(why));
	if (rc < 0) {
		command_complain(command->name,
				 why[0] != '\0' ? why : sluice_last_error());
		return 1;
	}
	verify_summary(options, &output, rc);
	if (ferror(stdout) || fflush(stdout) != 0)
		return 1;
	return rc > 0;
}

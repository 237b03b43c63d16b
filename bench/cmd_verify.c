/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench verify: do the known orderings of strategies hold? One line for
 * each claim on stdout, or one JSON document; the rest to stderr.
 */
#include "bench/cmd_verify.h"
#include "bench/verify.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: sluice-bench verify [OPTION...]\n"
	"Do the known orderings of strategies hold? In the simulation, with "
	"the\n"
	"strategies as they are compiled for the engine: one line for each "
	"claim.\n"
	"\n"
	"  --seed=N      of the 5 traces that are drawn for each load (1)\n"
	"  --events=N    in each trace, 100000 to 10000000 (200000)\n"
	"  --json        one JSON document instead of the lines\n"
	"  --help        this text\n"
	"\n"
	"Exit status: 0 all hold, 1 one does not, 2 usage.\n";

/* The command line, once. */
struct verify_settings {
	struct verify_opts opts;
	uint32_t json;
	uint32_t help;
};

/* What has been printed so far. */
struct verify_output {
	enum verify_scene scene;
	uint32_t claims;
	uint32_t absent;
};

/* A number in [@low, @high], or a complaint that names them. */
static int verify_option(const char *name, const char *text, uint64_t low,
			 uint64_t high, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	    *out >= low && *out <= high)
		return 0;
	(void)fprintf(stderr,
		      "verify: --%s=%.40s: not a number from %" PRIu64
		      " to %" PRIu64 "\n",
		      name, text, low, high);
	return -1;
}

static int verify_options(int argc, char **argv, struct verify_settings *out)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"events", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	int rc = 0;

	optind = 0; /* the caller has looked at the words before */
	while (rc == 0 &&
	       (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			rc = verify_option("seed", optarg, 0, UINT64_MAX,
					   &out->opts.seed);
		else if (option == 'e')
			rc = verify_option("events", optarg, VERIFY_EVENTS_MIN,
					   VERIFY_EVENTS_MAX,
					   &out->opts.events);
		else if (option == 'j')
			out->json = 1;
		else if (option == 'h')
			out->help = 1;
		else
			rc = -1;
	}
	if (rc == 0 && optind < argc) {
		(void)fprintf(stderr, "verify: %.40s: no option\n",
			      argv[optind]);
		rc = -1;
	}
	return rc;
}

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

static void verify_summary(const struct verify_settings *settings,
			   const struct verify_output *output, int violations)
{
	uint32_t held = output->claims - output->absent - (uint32_t)violations;

	if (settings->json) {
		(void)printf("\n  ],\n  \"held\": %u,\n  \"violated\": %d,\n"
			     "  \"absent\": %u\n}\n",
			     held, violations, output->absent);
		return;
	}
	(void)printf("\nseed %" PRIu64 ", %u traces of %" PRIu64 " events for "
		     "each load: %u claims hold, %d do not",
		     settings->opts.seed, VERIFY_ROUNDS, settings->opts.events,
		     held, violations);
	if (output->absent > 0)
		(void)printf(", %u are about what is not built",
			     output->absent);
	(void)printf("\n");
}

int cmd_verify(int argc, char **argv)
{
	struct verify_settings settings = {
		.opts = {.seed = 1, .events = VERIFY_EVENTS_DEFAULT},
	};
	struct verify_output output = {0};
	char why[256] = "";
	int rc;

	if (verify_options(argc, argv, &settings) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (settings.help)
		return fputs(usage, stdout) == EOF;
	if (settings.json)
		(void)printf("{\n  \"schema\": 1,\n  \"command\": \"verify\",\n"
			     "  \"seed\": %" PRIu64 ",\n"
			     "  \"traces\": %u,\n  \"events\": %" PRIu64 ",\n"
			     "  \"claims\": [",
			     settings.opts.seed, VERIFY_ROUNDS,
			     settings.opts.events);
	rc = verify_run(&settings.opts,
			settings.json ? verify_json : verify_line, &output, why,
			sizeof(why));
	if (rc < 0) {
		(void)fprintf(stderr, "verify: %s\n", why);
		return 1;
	}
	verify_summary(&settings, &output, rc);
	if (ferror(stdout) || fflush(stdout) != 0)
		return 1;
	return rc > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/json.h"
#include "tools/cli/output.h"
#include "tools/cli/say.h"

#include <errno.h>

json_t *json_text(const char *text)
{
	json_t *made = json_string(text);

	return made != NULL ? made : json_string("?");
}

int json_write(json_t *root, const char *file)
{
	FILE *out = output_open(file);
	int rc = root == NULL ? -ENOMEM : 0;

	if (rc == 0 && out != NULL &&
	    (json_dumpf(root, out, JSON_REAL_PRECISION(12) | JSON_INDENT(1)) <
		     0 ||
	     fputc('\n', out) == EOF))
		rc = -EIO;
	json_decref(root);
	return output_close(out, file, rc);
}

int json_line(json_t *root, FILE *out, const char *file)
{
	int written = root != NULL &&
		      json_dumpf(root, out,
				 JSON_REAL_PRECISION(12) | JSON_COMPACT) == 0 &&
		      fputc('\n', out) != EOF && fflush(out) == 0;

	if (root == NULL)
		return cli_fail(-ENOMEM, "%.200s: no memory", file);
	json_decref(root);
	return written ? 0 : cli_fail(-EIO, "%.200s: cannot be written", file);
}

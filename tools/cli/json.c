/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/json.h"
#include "tools/cli/output.h"

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

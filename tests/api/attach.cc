// SPDX-License-Identifier: Apache-2.0
// Two processes in C++: one listens, its child attaches, consumes from one stage and
// feeds another. With C++20 by the option macros; before that a struct that is zero
// but for its size has all defaults.
#include <sluice/sluice.h>

#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 1000u

static char folder[] = "/tmp/sluice-api-XXXXXX";

static int count(sluice_stage *self, uint32_t demand)
{
	auto *next = static_cast<uint64_t *>(sluice_stage_state(self));
	uint64_t left = LAST - *next;
	auto n = left < demand ? static_cast<uint32_t>(left) : demand;
	auto *out = static_cast<uint64_t *>(sluice_emit(self, n));

	for (uint32_t i = 0; i < n; i++)
		out[i] = (*next)++;
	return *next < LAST ? SLUICE_OK : SLUICE_END;
}

struct taken {
	uint64_t sum = 0;
	uint32_t events = 0;
};

static int take(sluice_stage *self, const sluice_batch *batch)
{
	auto *all = static_cast<taken *>(sluice_stage_state(self));

	for (uint32_t i = 0; i < batch->count; i++)
		all->sum += SLUICE_EVENTS(batch, uint64_t)[i];
	all->events += batch->count;
	return all->events < LAST ? SLUICE_OK : SLUICE_END;
}

#if __cplusplus >= 202002L
static int listen_there(sluice_pipeline *p)
{
	return sluice_pipeline_listen(
		p, SLUICE_LISTEN(.folder = folder, .peers_max = 4));
}

static int attach(sluice_stage **port, const char *from, const char *to)
{
	return sluice_attach(port,
			     SLUICE_ATTACH(.pipeline = "cxx", .from = from,
					   .to = to, .folder = folder));
}
#else
static int listen_there(sluice_pipeline *p)
{
	sluice_listen_opts opts{};

	opts.size = sizeof(opts);
	opts.folder = folder;
	opts.peers_max = 4;
	return sluice_pipeline_listen(p, &opts);
}

static int attach(sluice_stage **port, const char *from, const char *to)
{
	sluice_attach_opts opts{};

	opts.size = sizeof(opts);
	opts.pipeline = "cxx";
	opts.from = from;
	opts.to = to;
	opts.folder = folder;
	return sluice_attach(port, &opts);
}
#endif

static int add(sluice_pipeline *p, const char *name, sluice_stage_kind kind,
	       void *state)
{
	sluice_stage_opts opts;

	sluice_stage_opts_init(&opts);
	opts.name = name;
	opts.kind = kind;
	opts.state = state;
	opts.on_idle = SLUICE_IDLE_STAY;
	if (kind == SLUICE_PRODUCER) {
		opts.out_bytes = sizeof(uint64_t);
		opts.handle_demand = count;
		opts.flags = SLUICE_STAGE_PEERS_CONSUME;
	} else {
		opts.in_bytes = sizeof(uint64_t);
		opts.handle_events = take;
		opts.flags = SLUICE_STAGE_PEERS_FEED;
	}
	return sluice_stage_add(p, &opts);
}

// What it receives it sends back.
static int child(int ready)
{
	sluice_stage *in = nullptr;
	sluice_stage *out = nullptr;
	sluice_batch batch;
	char byte;
	int rc = read(ready, &byte, 1) == 1 ? 0 : -1;

	if (rc == 0)
		rc = attach(&in, "numbers", nullptr);
	if (rc == 0)
		rc = attach(&out, nullptr, "sink");
	while (rc == 0 && sluice_recv(in, &batch, SLUICE_FOREVER) > 0)
		for (uint32_t i = 0; rc == 0 && i < batch.count; i++)
			if (sluice_send(out,
					SLUICE_EVENTS(&batch, uint64_t) + i, 1,
					SLUICE_FOREVER) != 1)
				rc = -1;
	if (rc != 0)
		std::fprintf(stderr, "child: %s\n", sluice_last_error());
	if (out != nullptr && sluice_detach(out, SLUICE_FOREVER) != 0)
		rc = -1;
	if (in != nullptr && sluice_detach(in, SLUICE_FOREVER) != 0)
		rc = -1;
	return rc == 0 ? 0 : 1;
}

static int parent(int ready)
{
	sluice_pipeline_opts opts;
	sluice_pipeline *p = nullptr;
	uint64_t next = 0;
	taken all;
	int rc;

	sluice_pipeline_opts_init(&opts);
	opts.name = "cxx";
	rc = sluice_pipeline_open(&p, &opts) ||
	     add(p, "numbers", SLUICE_PRODUCER, &next) ||
	     add(p, "sink", SLUICE_CONSUMER, &all) || listen_there(p) ||
	     write(ready, "r", 1) != 1 || sluice_pipeline_run(p);
	if (rc != 0)
		std::fprintf(stderr, "parent: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc != 0 || all.events != LAST ||
	       all.sum != uint64_t{LAST} * (LAST - 1) / 2;
}

int main()
{
	int status = 1;
	int ends[2];
	pid_t pid;
	int rc;

	if (mkdtemp(folder) == nullptr || pipe(ends) != 0)
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(child(ends[0]));
	rc = parent(ends[1]);
	close(ends[1]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		rc = 1;
	return rc != 0 || rmdir(folder) != 0;
}

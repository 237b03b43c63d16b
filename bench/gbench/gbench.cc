/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/gbench/gbench.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <iostream>
#include <streambuf>
#include <string>

namespace
{

/* Debian builds the library without NDEBUG, and it says so in every run, in a
 * warning about "timings". It concerns the library's own loop, which here runs
 * once per 20 ms. The line is dropped, and main.c explains the word "debug"
 * that stays in the JSON. */
class without_banner : public std::streambuf
{
      public:
	explicit without_banner(std::ostream &stream)
	    : stream_(stream), to_(stream.rdbuf(this))
	{
	}
	without_banner(const without_banner &) = delete;
	without_banner &operator=(const without_banner &) = delete;
	~without_banner() override
	{
		flush_line();
		stream_.rdbuf(to_);
	}

      private:
	int overflow(int c) override
	{
		line_.push_back(static_cast<char>(c));
		if (c == '\n')
			flush_line();
		return c;
	}
	int sync() override
	{
		return to_->pubsync();
	}
	void flush_line()
	{
		if (line_.find("Library was built as DEBUG") ==
		    std::string::npos)
			to_->sputn(line_.data(),
				   static_cast<std::streamsize>(line_.size()));
		line_.clear();
	}

	std::ostream &stream_;
	std::streambuf *to_;
	std::string line_;
};

int failures;

void report_error(benchmark::State &state, int64_t rc)
{
	failures++;
	state.SkipWithError(std::strerror(static_cast<int>(-rc)));
}

void iterate(benchmark::State &state, const bench_case &bench, void *mine)
{
	int64_t rc = 0;
	uint64_t n = bench_calibrate(&bench, mine, BENCH_ITERATION_NS, &rc);
	bench_counter counters[BENCH_COUNTERS_MAX];
	uint32_t count = 0;

	for (auto _ : state) {
		if (rc >= 0)
			rc = bench.run(mine, n);
		if (rc < 0) {
			report_error(state, rc);
			return;
		}
		state.SetIterationTime(static_cast<double>(rc) * 1e-9);
	}
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(n));
	if (bench.counters)
		count = bench.counters(mine, counters);
	for (uint32_t i = 0; i < count; i++)
		state.counters[counters[i].name] = counters[i].value;
}

} // namespace

extern "C" void bench_add(const struct bench_case *bench)
{
	benchmark::RegisterBenchmark(bench->name,
				     [bench = *bench](benchmark::State &state) {
					     void *mine = nullptr;
					     int rc =
						     bench.setup(&bench, &mine);

					     if (rc < 0) {
						     report_error(state, rc);
						     return;
					     }
					     iterate(state, bench, mine);
					     bench.teardown(mine);
				     })
		->UseManualTime()
		->Unit(benchmark::kMillisecond);
}

extern "C" void bench_context(const char *key, const char *value)
{
	benchmark::AddCustomContext(key, value);
}

extern "C" int bench_main(int argc, char **argv)
{
	without_banner filter(std::cerr);

	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	if (benchmark::RunSpecifiedBenchmarks() == 0)
		return 2;
	benchmark::Shutdown();
	return failures > 0;
}

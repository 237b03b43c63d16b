# SPDX-License-Identifier: Apache-2.0
# Generator 2, but for what needs to know that everybody sleeps (quiet.c): also on real
# threads, tests/stress/graphs. Seen from this folder.
set(SIM_GEN2_ANYWHERE
	act.c
	balance.c
	beacon.c
	begin.c
	book.c
	client.c
	finale.c
	gather.c
	graph.c
	heed.c
	hook.c
	inspect.c
	late.c
	leave.c
	listed.c
	meddle.c
	member.c
	onlook.c
	option.c
	own.c
	promise.c
	spawner.c
	verdict.c
	world.c)

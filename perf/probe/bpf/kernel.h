/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * The little of the running kernel that the programs here look at. Of each structure only the fields that are read are
 * declared; where they are is filled in when a program is loaded, from the types (BTF) of the kernel that it is loaded into.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define bool _Bool
#define true 1
#define false 0

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define RELOCATED __attribute__((preserve_access_index))

/* Maps are described to the loader by the types of these members. */
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, type) type *name
enum { MAP_ARRAY = 2, MAP_MMAPABLE = 1 << 10 };

/* Helpers of the kernel, by their numbers in include/uapi/linux/bpf.h. */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static u64 (*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;

/* include/linux/sched.h */
enum { TASK_STOPPED = 0x4, TASK_TRACED = 0x8 };
enum { PF_KTHREAD = 0x00200000 };
enum { COMM = 16 };

struct thread_info {
	u32 cpu;
} RELOCATED;

struct task_struct {
	struct thread_info thread_info;
	u32 __state;
	u32 flags;
	int on_cpu;
	int on_rq;
	int nr_cpus_allowed;
	int pid;
	int tgid;
	char comm[COMM];
} RELOCATED;

/* Before Linux 5.14 the state had another name and type; what follows ___ is not part of the kernel's name. */
struct task_struct___before_5_14 {
	long state;
} RELOCATED;

/* Before Linux 5.16 the core was elsewhere. */
struct task_struct___before_5_16 {
	u32 cpu;
} RELOCATED;

struct tcp_sock {
	u32 srtt_us; /* eighths of a microsecond */
} RELOCATED;

struct sock_common {
	u16 skc_dport; /* big-endian */
	u16 skc_num;
} RELOCATED;

struct sock {
	struct sock_common __sk_common;
} RELOCATED;

#define EXISTS(field) __builtin_preserve_field_info(field, 2)

/*
 * FIELD reads p->field. A program that the kernel knows the types of (tp_btf) reads in place; any other (raw_tp) asks
 * the kernel to copy. typed is a constant, so one of the two branches is all that remains.
 */
#define FIELD(typed, p, field) \
	({ \
		typeof((p)->field) _value; \
		if (typed) \
			_value = (p)->field; \
		else \
			bpf_probe_read_kernel(&_value, sizeof(_value), __builtin_preserve_access_index(&(p)->field)); \
		_value; \
	})

INLINE u64 state_of(bool typed, struct task_struct *p)
{
	struct task_struct___before_5_14 *old = (void *)p;

	if (EXISTS(old->state))
		return FIELD(typed, old, state);
	return FIELD(typed, p, __state);
}

/*
 * was_preempted says whether a thread that leaves its core could have run on. One that is preempted on its way to sleep could too, whatever
 * its state says.
 */
INLINE bool was_preempted(u64 preempt, u64 state)
{
	return state == 0 || (preempt & 1);
}

INLINE u32 core_of(bool typed, struct task_struct *p)
{
	struct task_struct___before_5_16 *old = (void *)p;

	if (EXISTS(old->cpu))
		return FIELD(typed, old, cpu);
	return FIELD(typed, p, thread_info.cpu);
}

INLINE struct task_struct *current_task(bool typed)
{
	return typed ? bpf_get_current_task_btf() : (struct task_struct *)bpf_get_current_task();
}

/*
 * bounded returns i if it is below n, a power of two. The compiler may know that it is and leave the test out, but the kernel's verifier
 * wants to see it.
 */
INLINE u32 bounded(u32 i, u32 n)
{
	asm volatile("" : "+r"(i));
	return i & (n - 1);
}

/*
 * BOTH defines a program twice, for an event with the arguments that body takes from ctx: typed, and not. The loader takes
 * whichever this kernel allows, and leaves the other out.
 */
#define BOTH(event, body) \
	SEC("tp_btf/" #event) int typed_##event(u64 *ctx) { body(true, ctx); return 0; } \
	SEC("raw_tp/" #event) int raw_##event(u64 *ctx) { body(false, ctx); return 0; }

char _license[] SEC("license") = "GPL";

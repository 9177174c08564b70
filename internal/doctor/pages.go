package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

func pagesGroup() group {
	return group{"huge pages", []check{
		{"shmem", "rings of megabytes with fewer TLB misses, by transparent huge pages", shmemPages},
		{"hugetlb", "huge pages set aside for rings that ask for them, which are never split or swapped", hugetlb},
	}}
}

func shmemPages(h *Host) answer {
	const file = "sys/kernel/mm/transparent_hugepage/shmem_enabled"
	v, err := h.chosen(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("not in this kernel", "a kernel with CONFIG_TRANSPARENT_HUGEPAGE")
	case err != nil:
		return unread(err)
	case v == "never", v == "deny":
		return missing(v, "echo advise > /"+file)
	}
	return ok(v)
}

func hugetlb(h *Host) answer {
	const dir = "sys/kernel/mm/hugepages"
	entries, err := fs.ReadDir(h.Files, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return missing("not in this kernel", "a kernel with CONFIG_HUGETLBFS")
	}
	if err != nil {
		return unread(err)
	}
	var pools []pool
	for _, e := range entries {
		kb, isPool := strings.CutPrefix(e.Name(), "hugepages-")
		n, err := strconv.ParseInt(strings.TrimSuffix(kb, "kB"), 10, 64)
		if !isPool || err != nil {
			continue
		}
		total, errT := h.number(dir + "/" + e.Name() + "/nr_hugepages")
		free, errF := h.number(dir + "/" + e.Name() + "/free_hugepages")
		if err := errors.Join(errT, errF); err != nil {
			return unread(err)
		}
		pools = append(pools, pool{n << 10, total, free})
	}
	return pooled(pools)
}

// pool is the huge pages of one size.
type pool struct{ size, total, free int64 }

func pooled(pools []pool) answer {
	if len(pools) == 0 {
		return missing("no page size", "a kernel with CONFIG_HUGETLBFS")
	}
	slices.SortFunc(pools, func(a, b pool) int { return cmp.Compare(a.size, b.size) })
	var parts []string
	var total, free int64
	for _, p := range pools {
		parts = append(parts, fmt.Sprintf("%d of %d free of %s", p.free, p.total, size(p.size)))
		total, free = total+p.total, free+p.free
	}
	value := strings.Join(parts, ", ")
	switch {
	case total == 0:
		return missing(value, "sysctl vm.nr_hugepages=64 sets 64 aside; at boot there is more room for them")
	case free == 0:
		return warn(value, "all are taken: raise vm.nr_hugepages")
	}
	return ok(value)
}

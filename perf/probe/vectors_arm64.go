package probe

func vectorSets() [][]string { return [][]string{{"ipi_exit", "ipi_entry"}} }

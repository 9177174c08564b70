package probe

func vectorSets() [][]string {
	return [][]string{
		{"local_timer_exit", "local_timer_entry"},
		{"reschedule_exit", "reschedule_entry"},
		{"call_function_exit", "call_function_entry"},
		{"call_function_single_exit", "call_function_single_entry"},
		{"irq_work_exit", "irq_work_entry"},
	}
}

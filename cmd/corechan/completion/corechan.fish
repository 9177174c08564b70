# Completion of corechan for fish: corechan completion fish | source

function __corechan
	set -l all (corechan __complete fish (commandline --cut-at-cursor --current-process | string collect) 2>/dev/null)
	if test "$all[1]" = :files
		__fish_complete_path (commandline --current-token)
		return
	end
	string collect -- $all
end

complete --command corechan --no-files --arguments '(__corechan)'

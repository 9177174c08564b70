#compdef corechan
# Completion of corechan for zsh: source <(corechan completion zsh), after compinit; or as a file _corechan in a folder of $fpath

_corechan() {
	local -a lines values shown
	local line
	lines=("${(@f)$("${words[1]}" __complete zsh "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
	if [[ ${lines[1]} == :files ]]; then
		_files
		return
	fi
	for line in "${lines[@]}"; do
		[[ -n $line ]] || continue
		values+=("${line%%$'\t'*}")
		shown+=("${line/$'\t'/  -- }")
	done
	(( ${#values} )) || return 1
	local -a end
	[[ ${values[1]} == *[/=] ]] && end=(-S '')
	compadd -l "${end[@]}" -d shown -a values
}

if [[ ${funcstack[1]} == _corechan ]]; then
	_corechan "$@"
else
	compdef _corechan corechan
fi

# Completion of corechan for bash: source <(corechan completion bash)

_corechan() {
	# The whole line: bash itself takes a URL apart at its colons. $2 is the part that it will replace.
	mapfile -t COMPREPLY < <("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
	case ${COMPREPLY[0]} in
	:files)
		COMPREPLY=()
		compopt -o default -o bashdefault 2>/dev/null
		;;
	*[/=])
		compopt -o nospace 2>/dev/null
		;;
	esac
}

complete -F _corechan corechan

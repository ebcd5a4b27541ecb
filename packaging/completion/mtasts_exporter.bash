# Completion of mtasts_exporter for bash 4.0 and later; the package bash-completion loads it, but is not needed.
# tests/install/manual_test.py holds it to what --help says.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# The flags of a command, "" for what may stand before any; those that take a value end in "=".
_mtasts_exporter_flags() {
  local help="-h --help" config="--config.file=" format="--format="
  local serve="$config --config.check --log.format= --log.level= --sharding.count= --sharding.index= --web.config.file=
    --web.enable-lifecycle --web.external-url= --web.listen-address="
  case $1 in
    "") echo "$help --version $serve" ;;
    serve) echo "$help $serve" ;;
    check) echo "$help $config $format --since=" ;;
    advise) echo "$help $config $format --rollback --write=" ;;
    "lint policy" | "lint record" | "lint tlsrpt" | report | codes) echo "$help $format" ;;
    ingest) echo "$help $config --sharding.count= --sharding.index=" ;;
    export) echo "$help $config --since=" ;;
    lint | match) echo "$help" ;;
  esac
}

# The commands behind a command.
_mtasts_exporter_commands() {
  case $1 in
    "") echo "advise check codes export ingest lint match report serve" ;;
    lint) echo "policy record tlsrpt" ;;
  esac
}

# Fills `words` with the words up to the cursor. Bash cuts them at "=" and ":", as COMP_WORDBREAKS says; here they are
# whole again.
_mtasts_exporter_words() {
  local left=${COMP_LINE:0:COMP_POINT} piece index
  words=()
  for ((index = 0; index <= COMP_CWORD; index++)); do
    piece=${COMP_WORDS[index]}
    if ((index == 0)) || [[ $left == [[:blank:]]* ]]; then
      left=${left#"${left%%[![:blank:]]*}"}
      words+=("")
    fi
    ((index < COMP_CWORD)) || piece=$left
    left=${left#"$piece"}
    words[${#words[@]} - 1]+=$piece
  done
}

# Does the command have the flag, and does that take a value?
_mtasts_exporter_takes_value() {
  [[ " $(_mtasts_exporter_flags "$1") " == *[[:space:]]"$2="[[:space:]]* ]]
}

# Reads the words before the one at the cursor into `command`, `operands` (their number), `flags_end` (was there a "--"?)
# and `flag`, one that waits for its value.
_mtasts_exporter_read() {
  local word
  for word in "$@"; do
    if [[ $flag ]]; then
      flag=""
    elif [[ $flags_end ]]; then
      operands=$((operands + 1))
    elif [[ $word == -- ]]; then
      flags_end=yes
    elif [[ $word == -?* ]]; then
      _mtasts_exporter_takes_value "$command" "$word" && flag=$word
    elif [[ " $(_mtasts_exporter_commands "$command") " == *" $word "* ]]; then
      command+=${command:+ }$word
    else
      operands=$((operands + 1))
    fi
  done
}

# Offers what is on the disk. Input: the value as readline sees it; what stands before it in the same word; file or
# directory.
_mtasts_exporter_files() {
  local value=$1 before=$2 action=$3 file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    if [[ $before && -d $file ]]; then # readline does not know that it is one
      file+=/
      compopt -o nospace 2>/dev/null
    fi
    COMPREPLY+=("$before$file")
  done < <(compgen -A "$action" -- "$value")
}

# Offers the values of a flag. Input: the flag, then as _mtasts_exporter_files.
_mtasts_exporter_values() {
  local flag=$1 value=$2 before=$3 choices=""
  case $flag in
    --format) choices="json text" ;;
    --log.format) choices="json logfmt" ;;
    --log.level) choices="debug error info warn" ;;
    --config.file | --web.config.file) _mtasts_exporter_files "$value" "$before" file ;;
    --write) _mtasts_exporter_files "$value" "$before" directory ;;
  esac
  # shellcheck disable=SC2207  # words without blanks or patterns
  [[ -z $choices ]] || COMPREPLY=($(compgen -P "$before" -W "$choices" -- "$value"))
}

# Offers flags, or the value of one after a "=". Readline replaces what it cut: the value alone, or the flag with it.
_mtasts_exporter_flag_or_value() {
  local current=$1 cut=$2 flag=${1%%=*}
  if [[ $current != *=* ]]; then
    # shellcheck disable=SC2207
    COMPREPLY=($(compgen -W "$(_mtasts_exporter_flags "$command")" -- "$current"))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  elif ! _mtasts_exporter_takes_value "$command" "$flag"; then
    return
  elif [[ $cut == "$flag="* ]]; then
    _mtasts_exporter_values "$flag" "${cut#*=}" "$flag="
  else
    _mtasts_exporter_values "$flag" "$cut" ""
  fi
}

# Input, from bash: the name of the program, the word as readline cuts it, the word before.
_mtasts_exporter() {
  local IFS=$' \t\n' cut=$2 command="" flag="" operands=0 flags_end="" last current
  local -a words=()
  COMPREPLY=()
  _mtasts_exporter_words
  last=$((${#words[@]} - 1))
  current=${words[last]}
  _mtasts_exporter_read "${words[@]:1:last-1}"
  if [[ $flag ]]; then
    _mtasts_exporter_values "$flag" "$cut" ""
  elif [[ -z $flags_end && $current == -* ]]; then
    _mtasts_exporter_flag_or_value "$current" "$cut"
  elif [[ -z $flags_end && $operands -eq 0 && $(_mtasts_exporter_commands "$command") ]]; then
    # shellcheck disable=SC2207
    COMPREPLY=($(compgen -W "$(_mtasts_exporter_commands "$command")" -- "$current"))
  elif [[ $command == report || $command == ingest ]] || [[ $command == "lint policy" && $operands -eq 0 ]]; then
    _mtasts_exporter_files "$cut" "" file
  fi
  return 0
}

complete -F _mtasts_exporter mtasts_exporter

//! `bin/activate` for sh, csh and fish. `fastenv exec` needs none of them; people do.

use std::path::Path;

/// Names and texts, for an environment at `prefix`.
#[must_use]
pub fn scripts(prefix: &Path) -> [(&'static str, String); 3] {
    let prefix = prefix.display().to_string();
    let name = prefix.rsplit('/').next().unwrap_or_default().to_owned();
    let quoted = prefix.replace('\'', r"'\''");
    let label = name.replace('\'', r"'\''");
    let fill = |text: &str| text.replace("@PREFIX@", &quoted).replace("@NAME@", &label);
    let fish = |text: &str| {
        let escape = |word: &str| word.replace('\\', r"\\").replace('\'', r"\'");
        text.replace("@PREFIX@", &escape(&prefix)).replace("@NAME@", &escape(&name))
    };
    [("activate", fill(SH)), ("activate.csh", fill(CSH)), ("activate.fish", fish(FISH))]
}

const SH: &str = r#"# To be sourced by bash, zsh or another sh: . bin/activate; "deactivate" undoes it.
deactivate () {
    if [ -n "${_FASTENV_PATH+set}" ]; then PATH="$_FASTENV_PATH"; export PATH; unset _FASTENV_PATH; fi
    if [ -n "${_FASTENV_HOME+set}" ]; then PYTHONHOME="$_FASTENV_HOME"; export PYTHONHOME; unset _FASTENV_HOME; fi
    if [ -n "${_FASTENV_PS1+set}" ]; then PS1="$_FASTENV_PS1"; export PS1; unset _FASTENV_PS1; fi
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    hash -r 2>/dev/null
    if [ "${1:-}" != keep ]; then unset -f deactivate; fi
}
deactivate keep
VIRTUAL_ENV='@PREFIX@'
VIRTUAL_ENV_PROMPT='@NAME@'
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT
_FASTENV_PATH="$PATH"
PATH="$VIRTUAL_ENV/bin:$PATH"
export PATH
if [ -n "${PYTHONHOME+set}" ]; then _FASTENV_HOME="$PYTHONHOME"; unset PYTHONHOME; fi
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ]; then
    _FASTENV_PS1="${PS1:-}"
    PS1="($VIRTUAL_ENV_PROMPT) ${PS1:-}"
    export PS1
fi
hash -r 2>/dev/null || true
"#;

const CSH: &str = r#"# To be sourced by csh or tcsh; "deactivate" undoes it.
alias deactivate 'test $?_FASTENV_PATH != 0 && setenv PATH "$_FASTENV_PATH" && unset _FASTENV_PATH; test $?_FASTENV_PROMPT != 0 && set prompt="$_FASTENV_PROMPT" && unset _FASTENV_PROMPT; unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; rehash; unalias deactivate'
setenv VIRTUAL_ENV '@PREFIX@'
setenv VIRTUAL_ENV_PROMPT '@NAME@'
set _FASTENV_PATH="$PATH"
setenv PATH "${VIRTUAL_ENV}/bin:${PATH}"
if ($?prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _FASTENV_PROMPT="$prompt"
    set prompt="($VIRTUAL_ENV_PROMPT) $prompt"
endif
rehash
"#;

const FISH: &str = r#"# To be sourced by fish; "deactivate" undoes it.
function deactivate
    if set -q _FASTENV_PATH
        set -gx PATH $_FASTENV_PATH
        set -e _FASTENV_PATH
    end
    if set -q _FASTENV_HOME
        set -gx PYTHONHOME $_FASTENV_HOME
        set -e _FASTENV_HOME
    end
    if functions -q _fastenv_prompt
        functions -e fish_prompt
        functions -c _fastenv_prompt fish_prompt
        functions -e _fastenv_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    test "$argv[1]" = keep; or functions -e deactivate
end
deactivate keep
set -gx VIRTUAL_ENV '@PREFIX@'
set -gx VIRTUAL_ENV_PROMPT '@NAME@'
set -gx _FASTENV_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/bin" $PATH
if set -q PYTHONHOME
    set -gx _FASTENV_HOME $PYTHONHOME
    set -e PYTHONHOME
end
if not set -q VIRTUAL_ENV_DISABLE_PROMPT
    functions -c fish_prompt _fastenv_prompt
    function fish_prompt
        printf '(%s) ' $VIRTUAL_ENV_PROMPT
        _fastenv_prompt
    end
end
"#;

package locale

import "golang.org/x/sys/windows"

// System is the language that Windows shows its own windows in to this person: the first of the thread preferred UI
// languages. With MUI_MERGE_USER_FALLBACK that list has the person's display languages, or the computer's where the person
// has chosen none (https://learn.microsoft.com/windows/win32/api/winnls/nf-winnls-getthreadpreferreduilanguages).
func System() Lang {
	names, err := windows.GetThreadPreferredUILanguages(windows.MUI_LANGUAGE_NAME | windows.MUI_MERGE_USER_FALLBACK)
	if err != nil {
		return Russian
	}
	return fromNames(names)
}

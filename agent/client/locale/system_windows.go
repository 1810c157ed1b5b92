package locale

import "golang.org/x/sys/windows"

// System returns the display language of the current user: the first of the thread preferred UI languages. With
// MUI_MERGE_USER_FALLBACK that list has the user's display languages, or the computer's when the user has chosen none
// (https://learn.microsoft.com/windows/win32/api/winnls/nf-winnls-getthreadpreferreduilanguages).
func System() Lang {
	names, err := windows.GetThreadPreferredUILanguages(windows.MUI_LANGUAGE_NAME | windows.MUI_MERGE_USER_FALLBACK)
	if err != nil {
		return Russian
	}
	return fromLanguageNames(names)
}

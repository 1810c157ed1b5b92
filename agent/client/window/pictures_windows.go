package window

import (
	"image"
	"image/color"

	"github.com/lxn/walk"
)

// icon returns the icon of a picture, or nil on an error. There is one for each DPI, because walk would stretch it.
func (v *frame) icon(p picture) *walk.Icon {
	if icon := v.icons[p]; icon != nil {
		return icon
	}
	icon, err := walk.NewIconFromImageForDPI(straight{p.draw()}, p.dpi)
	if err != nil {
		v.p.Log.Write("icon: " + err.Error())
		return nil
	}
	v.icons[p] = icon
	return icon
}

// renderPictures shows the pictures in the window for its DPI. On an error the texts remain.
func (v *frame) renderPictures(icon Icon) {
	dpi := v.mw.DPI()
	if status := v.icon(picture{kindStatus, icon, dpi}); status != nil {
		_ = v.statusIcon.SetImage(status)
	}
	logo := v.icon(picture{kind: kindLogo, dpi: dpi})
	if logo == nil || v.logo.Image() == walk.Image(logo) {
		return
	}
	_ = v.logo.SetImage(logo)
	if err := v.mw.SetIcon(logo); err != nil {
		v.p.Log.Write("icon: " + err.Error())
	}
}

// trayIcon returns the icon for the DPI of the task bar's screen, which may differ from the window's.
func (v *frame) trayIcon(icon Icon) *walk.Icon {
	dpi := v.tray.DPI()
	if dpi == 0 { // there is no task bar
		dpi = v.mw.DPI()
	}
	return v.icon(picture{kindTray, icon, dpi})
}

// straight is a picture whose colours are not premultiplied by alpha, as Windows icons need.
type straight struct{ image.Image }

func (s straight) At(x, y int) color.Color {
	c, _ := s.Image.At(x, y).(color.NRGBA)
	return color.RGBA(c)
}

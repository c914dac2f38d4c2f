package file

import (
	"errors"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"sightline/internal/media"
)

// videoTrack finds the first track whose codec is known, and reads its format.
func videoTrack(moov *mp4.MoovBox) (*mp4.TrakBox, media.Format, error) {
	var found []string
	for _, trak := range moov.Traks {
		if trak.Mdia == nil || trak.Mdia.Minf == nil || trak.Mdia.Minf.Stbl == nil || trak.Mdia.Minf.Stbl.Stsd == nil || trak.Mdia.Mdhd == nil {
			continue
		}
		stsd := trak.Mdia.Minf.Stbl.Stsd
		format, err := streamFormat(stsd)
		if !errors.Is(err, errOtherCodec) {
			return trak, format, err
		}
		for _, child := range stsd.Children {
			found = append(found, child.Type())
		}
	}
	if len(found) == 0 {
		return nil, media.Format{}, errors.New("no video track")
	}
	return nil, media.Format{}, fmt.Errorf("no H.264, H.265, VP9 or AV1 track, found %v", found)
}

var errOtherCodec = errors.New("another codec")

// streamFormat reads what a track's description says of the pictures.
func streamFormat(stsd *mp4.StsdBox) (media.Format, error) {
	var sets media.ParameterSets
	switch {
	case stsd.AvcX != nil && stsd.AvcX.AvcC != nil:
		sets.Codec = media.H264
		sets.Learn(slices.Concat(stsd.AvcX.AvcC.SPSnalus, stsd.AvcX.AvcC.PPSnalus)...)
	case stsd.HvcX != nil && stsd.HvcX.HvcC != nil:
		sets.Codec = media.H265
		for _, array := range stsd.HvcX.HvcC.NaluArrays {
			sets.Learn(array.Nalus...)
		}
	case stsd.VpXX != nil && stsd.VpXX.Type() == "vp09" && stsd.VpXX.VppC != nil:
		c := stsd.VpXX.VppC
		return media.VP9Format(int(stsd.VpXX.Width), int(stsd.VpXX.Height), c.MatrixCoefficients, c.VideoFullRangeFlag != 0)
	case stsd.Av01 != nil && stsd.Av01.Av1C != nil:
		return media.AV1Format(stsd.Av01.Av1C.ConfigOBUs, int(stsd.Av01.Width), int(stsd.Av01.Height))
	default:
		return media.Format{}, errOtherCodec
	}
	return sets.Format()
}

// unit makes an access unit's data of a sample: H.264 and H.265 in Annex B form, a random access picture with
// its parameter sets before it if it lacks them.
func unit(f media.Format, sample []byte) (data []byte, key bool, err error) {
	switch f.Codec {
	case media.VP9:
		return sample, media.VP9Key(sample), nil
	case media.AV1:
		key, err := media.AV1Key(sample)
		return sample, key, err
	}
	var units h264.AVCC
	if err := units.Unmarshal(sample); err != nil {
		return nil, false, err
	}
	u := media.Inspect(f.Codec, units)
	data = make([]byte, 0, len(sample)+256)
	if u.Key && !u.Sets {
		data = media.AppendAnnexB(data, f.ParameterSets...)
	}
	return media.AppendAnnexB(data, units...), u.Key, nil
}

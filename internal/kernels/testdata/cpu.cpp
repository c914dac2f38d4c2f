// The kernels as a shared library for the tests; see shim.h. Namespaces keep the families apart, as
// their PTX modules do.
#include "shim.h"
#include "entry.h"

#include "../common.cuh"

namespace picture {
#include "../picture.cu"
RUNNABLE(letterbox, LetterboxParams)
RUNNABLE(crop, CropParams)
} // namespace picture

namespace selection {
#include "../select.cu"
RUNNABLE(select_clear, SelectParams)
RUNNABLE(select_best, SelectParams)
RUNNABLE(select_rank, SelectParams)
RUNNABLE(select_overlap, SelectParams)
RUNNABLE(select_keep, SelectParams)
RUNNABLE(choose, ChooseParams)
} // namespace selection

namespace people {
#include "../people.cu"
RUNNABLE(keypoints, KeypointsParams)
RUNNABLE(uncrop, UncropParams)
RUNNABLE(pack_masks, MasksParams)
} // namespace people

namespace decode {
#include "../decode.cu"
RUNNABLE(joints, JointsParams)
RUNNABLE(anchor_joints, AnchorJointsParams)
RUNNABLE(combine, CombineParams)
RUNNABLE(margin, MarginParams)
RUNNABLE(classify, ClassifyParams)
} // namespace decode

namespace vectors {
#include "../vectors.cu"
RUNNABLE(normalize, NormalizeParams)
RUNNABLE(cosine, CosineParams)
RUNNABLE(blend, BlendParams)
} // namespace vectors

namespace moving {
#include "../move.cu"
RUNNABLE(move, MoveParams)
RUNNABLE(moves, MovesParams)
} // namespace moving

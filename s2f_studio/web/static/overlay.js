// What lies over the drawing: the guide, which shows where the model expects the face.

// landmarks: both eyes, the nose, the corners of the mouth, in shares of the side.
export function drawGuide(pen, size, landmarks) {
  const [l, r, nose, ml, mr] = landmarks.map(([x, y]) => [x * size, y * size]);
  const apart = r[0] - l[0], middle = [(l[0] + r[0]) / 2, (l[1] + r[1]) / 2];
  pen.strokeStyle = "#1a8cff"; pen.lineWidth = 2; pen.setLineDash([7, 5]); pen.globalAlpha = 0.4;
  for (const eye of [l, r]) { pen.beginPath(); pen.ellipse(eye[0], eye[1], apart * 0.23, apart * 0.12, 0, 0, 7); pen.stroke(); }
  pen.beginPath(); pen.arc(nose[0], nose[1], apart * 0.12, 0.3, 2.84); pen.stroke();
  pen.beginPath(); pen.moveTo(...ml); pen.quadraticCurveTo((ml[0] + mr[0]) / 2, ml[1] + apart * 0.1, ...mr); pen.stroke();
  pen.beginPath(); pen.ellipse(middle[0], middle[1] + apart * 0.35, apart * 1.05, apart * 1.5, 0, 0, 7); pen.stroke();
  pen.globalAlpha = 1;
}

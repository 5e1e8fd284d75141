"""From a drawing to a face: analysis of drawings, face models, and the apps that serve them; built
on `s2f_utils`, which finds it by its entry point (`plugin`).

A drawing's way is `translate.translate`: `drawings.prepare` cleans its paper and finds its face;
the model (`faces.model`) finds the landmarks (`drawings.landmarks`), warps the drawing to the mean
shape, asks for the average face (`faces.average_face`), weighs the bank's entries by what is drawn
(`faces.bank_stages`), chooses one for the seed (`faces.choosing`), and lays its picture into the
drawn shape (`faces.placing`). `write_answer` writes answers as files, `page.reply` as JSON.
"""

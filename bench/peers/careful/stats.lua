return finish({})

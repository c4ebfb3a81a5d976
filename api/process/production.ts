/**
 * Loaded before the libraries, which look once: without it graphql-js checks every value it meets for a second copy of
 * itself, and Express and Apollo Server prepare for a developer who watches.
 */
process.env.NODE_ENV ??= 'production';

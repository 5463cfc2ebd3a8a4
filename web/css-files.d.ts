/** Style sheets that a component brings along; the bundler puts them into the component's chunk. */
declare module "*.css";

"""The HTTP service, and the page that is its client. Needs the extra `serve`.

app         the routes
server      the server process, and connections that end when the other side does nothing
middleware  what every request passes: ids, hosts, origins, pace
upload      the body of a request -> a file, counted while it comes in
options     the options of a request
predict     what the network says of a photo, as JSON
films       films of visitors: a few on the disk, one worked on at a time, in a process of its own
film_routes  the routes of films
queue       a bounded queue, a few photos under way, decoders apart
problems    errors as problem+json
metrics     counts and times for Prometheus
limits      every limit of the service
static      the files of the page, in page/, whose README says what each is: a client of /v1
"""

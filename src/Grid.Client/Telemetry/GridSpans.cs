using System.Diagnostics;
using Grid.Formats.Operations;

namespace Grid.Client.Telemetry;

/// <summary>The grid's spans. None of them is ever the current activity of whoever runs here: a batch is many callers', a turn many batches'.</summary>
/// <remarks>Where nothing samples, a call costs a look at whether there are listeners, and one at the caller's activity.</remarks>
internal static class GridSpans
{
    /// <summary>Calls that a batch's span links to, at the most.</summary>
    private const int LinksMax = 32;

    /// <summary>The source.</summary>
    public static readonly ActivitySource Source = new(GridTelemetry.ActivitySourceName, typeof(GridSpans).Assembly.GetName().Version?.ToString(3));

    /// <summary>Begins the span of a call; null when it is not recorded.</summary>
    /// <param name="keyspace">The keyspace.</param>
    /// <param name="kind">What it does.</param>
    /// <param name="count">To how many keys.</param>
    public static Activity? StartCall(string keyspace, OperationKind kind, int count)
    {
        if (!Source.HasListeners())
            return null;
        Activity? caller = Activity.Current;
        if (caller is { Recorded: false })
            return null;
        string operation = GridAttributes.NameOf(kind);

        // What the sampler drops is never begun, and has no attributes: it goes by the name, which tells operation and keyspace.
        if (Source.CreateActivity($"{operation} {keyspace}", ActivityKind.Client) is not { Recorded: true } span)
            return null;
        span.SetTag(GridAttributes.DbSystem, GridAttributes.DbSystemGrid);
        span.SetTag(GridAttributes.DbCollection, keyspace);
        span.SetTag(GridAttributes.DbOperation, operation);
        if (count > 1)
            span.SetTag(GridAttributes.DbBatchSize, count);
        span.Start();
        Activity.Current = caller;
        return span;
    }

    /// <summary>Begins the span of a batch that is sent: in the trace of the first call in it, with links to the others'.</summary>
    public static Activity? StartBatch(int shard, ReadOnlySpan<Pipelines.BatchEntry> entries, int sends)
    {
        Activity? first = null;
        List<ActivityLink> links = [];
        foreach (Pipelines.BatchEntry entry in entries)
        {
            if (entry.Operation is not { IsOver: false, Span: { } span } || ReferenceEquals(span, first))
                continue;
            if (first is null)
                first = span;
            else if (links.Count < LinksMax && links.TrueForAll(link => link.Context.SpanId != span.SpanId))
                links.Add(new ActivityLink(span.Context));
        }

        if (first is null)
            return null;
        return Start("grid.batch", ActivityKind.Client, first.Context, links: links, tags:
        [
            new(GridAttributes.Shard, shard),
            new(GridAttributes.Operations, entries.Length),
            new("grid.batch.attempt", sends),
        ]);
    }

    /// <summary>Begins a span in a trace.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="parent">The span above it; the default begins a trace.</param>
    /// <param name="tags">Its attributes.</param>
    /// <param name="links">Other spans that it is for.</param>
    /// <param name="began">When it began; the default for now.</param>
    public static Activity? Start(
        string name,
        ActivityKind kind,
        ActivityContext parent,
        KeyValuePair<string, object?>[]? tags = null,
        IEnumerable<ActivityLink>? links = null,
        DateTimeOffset began = default)
    {
        Activity? current = Activity.Current;
        if (current is not null)
            Activity.Current = null;
        Activity? span = Source.StartActivity(name, kind, parent, tags, links, began);
        if (current is not null || span is not null)
            Activity.Current = current;
        return span;
    }

    /// <summary>Writes a span that is over.</summary>
    public static void Write(string name, ActivityKind kind, ActivityContext parent, DateTimeOffset began, params KeyValuePair<string, object?>[] tags)
    {
        if (Source.HasListeners())
            Stop(Start(name, kind, parent, tags, links: null, began));
    }

    /// <summary>Ends a span.</summary>
    /// <param name="span">The span; null for none.</param>
    /// <param name="error">The word for what went wrong; null if nothing did.</param>
    public static void Stop(Activity? span, string? error = null)
    {
        if (span is null)
            return;
        if (error is not null)
        {
            span.SetTag(GridAttributes.ErrorType, error);
            span.SetStatus(ActivityStatusCode.Error);
        }

        Activity? current = Activity.Current;
        span.Stop();
        Activity.Current = current;
    }

    /// <summary>What travels of a span.</summary>
    public static TraceContext ToWire(Activity span)
    {
        TraceContext context = default;
        span.TraceId.CopyTo(context.TraceId);
        span.SpanId.CopyTo(context.SpanId);
        context.Flags = (byte)span.ActivityTraceFlags;
        return context;
    }

    /// <summary>The span that a context came from.</summary>
    public static ActivityContext FromWire(TraceContext context) => new(
        ActivityTraceId.CreateFromBytes(context.TraceId), ActivitySpanId.CreateFromBytes(context.SpanId), (ActivityTraceFlags)context.Flags, isRemote: true);
}

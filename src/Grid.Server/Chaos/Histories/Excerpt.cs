using System.Globalization;
using System.Text;
using Grid.Formats.Mutations;

namespace Grid.Server.Chaos.Histories;

/// <summary>Shows a reader the point at which no order is left: the operation, what the key could be, and who made it so.</summary>
internal static class Excerpt
{
    private const int AroundMax = 12;
    private const int WritersMax = 3;

    public static string Of(KeySearch search, string keyspace, string key)
    {
        RegisterStep culprit = search.Culprit!;
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"Key {HistoryText.Quote(keyspace)}/{HistoryText.Quote(key)} is not linearizable: no order of its operations explains\n");
        Append(text, culprit, '>');
        text.Append(CultureInfo.InvariantCulture, $"When it was begun the key could be: {Join(search, search.AtCall)}.\n");
        if (!search.AtCall.SequenceEqual(search.BeforeReturn))
            text.Append(CultureInfo.InvariantCulture, $"Before its return also: {Join(search, search.BeforeReturn)}, or what operations under way make of it.\n");
        RegisterStep[] writers = [.. Shown(search, culprit).Take(WritersMax)];
        AppendAll(text, writers, $"Of what it was shown {(writers.Length == 0 ? "nobody wrote anything." : "there are these writers:")}", culprit);
        RegisterStep[] before = [.. search.AtCall.SelectMany(state => Writers(search, state.Value, state.Version)).Distinct().Except(writers).Take(WritersMax)];
        if (before.Length > 0)
            AppendAll(text, before, "What the key could be was written by:", culprit);
        RegisterStep[] around = [.. Around(search, culprit).Except(writers).Except(before).OrderBy(step => step.Source.CallUs).Take(AroundMax)];
        if (around.Length > 0)
            AppendAll(text, around, "At the same time, or right before:", culprit);
        return text.ToString();
    }

    private static IEnumerable<RegisterStep> Shown(KeySearch search, RegisterStep culprit)
    {
        int value = culprit.Action == HistoryAction.Increment && culprit.Source.Number is { } number ? search.Values.NumberOf(number - culprit.Source.Delta) : culprit.Found;
        ulong version = culprit.Observes ? culprit.Version : culprit.Source.IfVersion;
        return value == RegisterState.Absent && version == 0
            ? search.Steps.Where(step => step != culprit && step.Action is HistoryAction.Delete or HistoryAction.Clear && step.Source.CallUs <= culprit.ReturnUs && !step.Observes).Reverse()
            : Writers(search, value, version).Where(step => step != culprit);
    }

    private static IEnumerable<RegisterStep> Writers(KeySearch search, int value, ulong version)
    {
        RegisterStep[] byVersion = version == 0 ? [] : [.. search.Steps.Where(step => step.Version == version && !step.Observes)];
        return byVersion.Length > 0 || value == RegisterState.Absent ? byVersion : search.Steps.Where(step => !step.Observes && Writes(search, step) == value);
    }

    private static int Writes(KeySearch search, RegisterStep step) =>
        step.Action == HistoryAction.Increment && step.Source.Number is { } number ? search.Values.NumberOf(number) : step.Value;

    /// <summary>Those that overlap the culprit, the latest first, and the last one that was over before it began.</summary>
    private static IEnumerable<RegisterStep> Around(KeySearch search, RegisterStep culprit)
    {
        RegisterStep? last = search.Steps.Where(step => step.ReturnUs < culprit.Source.CallUs).MaxBy(step => step.ReturnUs);
        return search.Steps
            .Where(step => step != culprit && step.Source.CallUs <= culprit.ReturnUs && step.ReturnUs >= culprit.Source.CallUs)
            .OrderByDescending(step => step.IsSure).ThenByDescending(step => step.Source.CallUs)
            .Take(AroundMax - 1)
            .Concat(last is null ? [] : [last]);
    }

    private static string Join(KeySearch search, IReadOnlyList<RegisterState> states) => string.Join(" or ", states.Select(state => Describe(search, state)));

    private static string Describe(KeySearch search, in RegisterState state)
    {
        if (!state.IsPresent)
            return "absent";
        string version = state.Version == 0
            ? $"a version above {Version(state.Newest)}"
            : $"version {Version(state.Version)}";
        return $"{HistoryText.Quote(search.Values.TextOf(state.Value))} with {version}{(state.ExpiresFromMs == RegisterState.Never ? "" : $" until {state.ExpiresFromMs}")}";
    }

    private static string Version(ulong version) => $"{EntryVersion.Epoch(version)}:{EntryVersion.Offset(version)}";

    private static void AppendAll(StringBuilder text, IEnumerable<RegisterStep> steps, string title, RegisterStep culprit)
    {
        text.Append(title).Append('\n');
        foreach (RegisterStep step in steps)
            Append(text, step, step == culprit ? '>' : ' ');
    }

    private static void Append(StringBuilder text, RegisterStep step, char mark) =>
        text.Append("  ").Append(mark).Append(' ').Append(HistoryText.Line(step.Source)).Append('\n');
}

using System.Runtime.CompilerServices;

namespace Grid.Tests.Simulation;

/// <summary>What is wrong when a check does not hold: put together only then, since nearly all of millions hold.</summary>
[InterpolatedStringHandler]
internal ref struct BrokenText
{
    private DefaultInterpolatedStringHandler _text;

    public BrokenText(int literalLength, int formattedCount, bool holds, out bool needed)
    {
        needed = !holds;
        _text = needed ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string format) => _text.AppendFormatted(value, format);

    public void AppendFormatted(object? value) => _text.AppendFormatted(value);

    public string Take() => _text.ToStringAndClear();
}

/// <summary>A line of a transcript: put together only in a run that keeps one.</summary>
[InterpolatedStringHandler]
internal ref struct NoteText
{
    private DefaultInterpolatedStringHandler _text;

    public NoteText(int literalLength, int formattedCount, World world, out bool needed)
    {
        needed = world.Records;
        _text = needed ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public string Take() => _text.ToStringAndClear();
}

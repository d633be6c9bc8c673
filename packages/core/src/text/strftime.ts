// Python's strftime for chat templates: English names whatever the locale, the clock's own time zone. Nothing else of Python.

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

function dayOfYear(date: Date): number {
  const midnight = (month: number, day: number): number => Date.UTC(date.getFullYear(), month, day);
  return (midnight(date.getMonth(), date.getDate()) - midnight(0, 0)) / 86_400_000;
}

/** Formats `date` (local time). `%-d` drops the padding; a directive that is not known stays as it is. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (directive, unpadded: string, letter: string) => {
    const pad = (value: number, width = 2): string => (unpadded ? `${value}` : `${value}`.padStart(width, '0'));
    const weekday = WEEKDAYS[date.getDay()] ?? '';
    const month = MONTHS[date.getMonth()] ?? '';
    const hour = date.getHours();
    switch (letter) {
      case 'Y':
        return `${date.getFullYear()}`;
      case 'y':
        return pad(date.getFullYear() % 100);
      case 'm':
        return pad(date.getMonth() + 1);
      case 'B':
        return month;
      case 'b':
        return month.slice(0, 3);
      case 'd':
        return pad(date.getDate());
      case 'j':
        return pad(dayOfYear(date), 3);
      case 'A':
        return weekday;
      case 'a':
        return weekday.slice(0, 3);
      case 'H':
        return pad(hour);
      case 'I':
        return pad(hour % 12 || 12);
      case 'p':
        return hour < 12 ? 'AM' : 'PM';
      case 'M':
        return pad(date.getMinutes());
      case 'S':
        return pad(date.getSeconds());
      case '%':
        return '%';
      default:
        return directive;
    }
  });
}
